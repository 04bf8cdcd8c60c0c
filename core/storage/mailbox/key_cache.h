/* SPDX-License-Identifier: MIT
 * Declares keys of messages (keys.h) that are kept with an open mailbox. Any thread.
 */
#pragma once
#include <satchel/storage.h>

#include "core/storage/store/store_private.h"

#define SATCHEL_KEYS_BATCH 128u /* so many keys are made, and kept, at one time */

typedef struct SatchelKeyCache SatchelKeyCache;
/* Returns the cache for the accesses that see what @mailbox's handle sees; made if there is none. */
SatchelKeyCache *satchel_key_cache_of (SatchelMailbox *mailbox);
/* Drops the keys that were made with the secret @key_id. */
void satchel_key_cache_forget (SatchelMailboxCore *core, guint key_id);

/* This key is not kept yet. */
typedef struct SatchelMissingKey
{
  guint index; /* index in the caller's list */
  guint32 uid;
  guint offset, len; /* place in the bytes that were made */
} SatchelMissingKey;
/* Calls @func (or NULL) for those of @uids whose keys are kept.  Yours: SatchelMissingKey of the
 * others. @n_messages: how many messages the mailbox has. */
GArray *satchel_key_cache_read (SatchelKeyCache *cache, SatchelKeyKind kind, guint32 n_messages,
                                const guint32 *uids, guint n, SatchelKeyFunc func, gpointer data);
/* Calls @func and returns TRUE if the key is kept. */
gboolean satchel_key_cache_peek (SatchelKeyCache *cache, SatchelKeyKind kind, guint32 uid,
                                 SatchelKeyFunc func, gpointer data);
/* Keeps what was made, at most SATCHEL_KEYS_BATCH in ascending order, if there is room. */
void satchel_key_cache_keep (SatchelKeyCache *cache, SatchelKeyKind kind, guint32 n_messages,
                             const SatchelMissingKey *keys, guint n, const GByteArray *made);
/* Drops columns that were not used for longest, until the process keeps no more than it may. */
void satchel_key_cache_trim (void);
