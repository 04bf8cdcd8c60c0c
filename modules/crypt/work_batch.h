/* SPDX-License-Identifier: MIT
 * Messages that get another form together, so that they share syncs and a turn.
 */
#pragma once
#include "work.h"

typedef struct CryptBatch CryptBatch;
CryptBatch *crypt_batch_new (CryptWork *work, SatchelStorageMailbox *mailbox);
void crypt_batch_free (CryptBatch *batch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CryptBatch, crypt_batch_free)
/* Begins; crypt_batch_exchange must follow in this thread. */
gboolean crypt_batch_begin (CryptBatch *batch, GError **error);

typedef enum
{
  CRYPT_ADD_FAILED = 0,
  CRYPT_ADD_DONE,   /* it is in the batch, needs nothing, or is gone */
  CRYPT_ADD_LOCKED, /* it needs a key that is not here */
  CRYPT_ADD_DAMAGED
} CryptAdd;
/* Stages the message anew, if it is to have another form. */
CryptAdd crypt_batch_add (CryptBatch *batch, const SatchelMessageRow *row, GError **error);
gboolean crypt_batch_is_full (const CryptBatch *batch);
guint crypt_batch_size (const CryptBatch *batch);
guint64 crypt_batch_bytes (const CryptBatch *batch);
/* Puts what was staged in the place of what is stored.  NONEXISTENT: the mailbox is gone.  [blocks] */
gboolean crypt_batch_exchange (CryptBatch *batch, GError **error);
