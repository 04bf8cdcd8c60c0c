/* SPDX-License-Identifier: MIT
 * A conversion copies a user's store into another one, so that no client can tell them apart: names, messages
 * with all their numbers, ids, dates and flags, what vanished, and what modules keep.  Passes bring the copy
 * up to date while the store is in use; the last one is done while it is held.  What is to be done follows
 * from comparing both, so a conversion that ended anywhere goes on where it was.
 */
#pragma once
#include <satchel/storage.h>

/* How far a pass is.  It is called often, in the thread of the pass; FALSE: the pass ends with CANCELLED. */
typedef struct SatchelConvertCounts
{
  guint64 n_messages, n_done; /* of the store; of them in the copy */
  guint64 n_bytes;            /* copied in all */
  guint64 n_changes;          /* made by the present pass */
} SatchelConvertCounts;
typedef gboolean (*SatchelConvertStepFunc) (const SatchelConvertCounts *counts, gpointer data);

typedef struct SatchelConversion SatchelConversion;
/* @from and @to: handles of which it takes references; @to is nobody's yet.  @is_bare: the drivers are
 * copied, below the layers of @from, and @to has no layers; otherwise what the server itself sees through all
 * layers is copied. @bytes_per_s: 0: as fast as possible. */
SatchelConversion *satchel_conversion_new (SatchelStore *from, SatchelStore *to, gboolean is_bare,
                                           guint64 bytes_per_s, SatchelConvertStepFunc step, gpointer data);
void satchel_conversion_free (SatchelConversion *conversion);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelConversion, satchel_conversion_free)
/* Lets go of the copy, which no pass may follow. */
void satchel_conversion_close_copy (SatchelConversion *conversion);
/* Brings the copy up to date.  *ret_n_changes: how many changes that took.  LOCKED: content needs a key that
 * only its user has.  [blocks] */
gboolean satchel_conversion_pass (SatchelConversion *conversion, guint64 *ret_n_changes, GError **error);
/* Between these two calls, in one thread, nothing changes in the store, and a pass is not slowed down. */
void satchel_conversion_hold (SatchelConversion *conversion);
void satchel_conversion_unhold (SatchelConversion *conversion);
/* Compares both.  Held: names, numbers, history and blobs, which takes a moment; otherwise each message with
 * its content, but not the history of those that vanished.  FALSE: @error says what differs first.  [blocks]
 */
gboolean satchel_conversion_verify (SatchelConversion *conversion, GError **error);
const SatchelConvertCounts *satchel_conversion_counts (const SatchelConversion *conversion);
