/* SPDX-License-Identifier: MIT
 * Declares the record of what was imported into a user's store: a file beside the mail (decision 0082). A
 * message is known by the SHA-256 of its mailbox's name and its content. Of each batch the record says
 * durably what it has before it is committed, and then that it was; so after any end of the process at most
 * one batch is in doubt, and the mailbox itself says whether it is there. One import of a user at a time, in
 * one thread. All calls block.
 */
#pragma once
#include <satchel/storage.h>

#define SATCHEL_TAKEN_ID_BYTES 16u
#define SATCHEL_TAKEN_BATCH_MAX 256u

typedef struct SatchelTakenId
{
  guint8 bytes[SATCHEL_TAKEN_ID_BYTES];
} SatchelTakenId;

/* These compute the hash by which a message is known.  The state is a GChecksum, which the last call frees.
 * */
GChecksum *satchel_taken_hash_new (const char *mailbox);
SatchelTakenId satchel_taken_hash_end (GChecksum *hash);

typedef struct SatchelTaken SatchelTaken;
/* Reads the record of @store, and settles the batch that is in doubt.  @forgets begins a new record.  CANNOT:
 * the driver keeps no files. */
SatchelTaken *satchel_taken_open (SatchelStore *store, gboolean forgets, GError **error);
void satchel_taken_free (SatchelTaken *taken);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelTaken, satchel_taken_free)
gboolean satchel_taken_is_empty (const SatchelTaken *taken);
/* Says whether this message was imported, and uses that up: if a source has the same message twice, both are
 * imported. */
gboolean satchel_taken_use (SatchelTaken *taken, const SatchelTakenId *id);
/* Notes a batch that is about to be committed to @mailbox; durable on return.  LIMIT: the record is full. */
gboolean satchel_taken_begin (SatchelTaken *taken, const char *mailbox, const SatchelMailboxState *state,
                              const SatchelTakenId *ids, guint n, GError **error);
/* Notes that the batch was committed (@is_done) or never will be. */
void satchel_taken_end (SatchelTaken *taken, gboolean is_done);
/* Notes at the end of an import that the last batch was committed. */
gboolean satchel_taken_finish (SatchelTaken *taken, GError **error);
/* Copies the record to the store to which the user is converted. */
gboolean satchel_taken_copy (SatchelStore *from, SatchelStore *to, GError **error);
