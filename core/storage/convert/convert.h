/* SPDX-License-Identifier: MIT
 * A conversion copies a user's store into another one, so that no client can tell them apart: names, messages
 * with all their numbers, ids, dates and flags, what vanished, and what modules keep.  Passes bring the copy
 * up to date while the store is in use; the last one is done while it is held.  What is to be done follows
 * from comparing both, so a conversion that ended anywhere goes on where it was.
 */
#pragma once
#include <satchel/storage.h>

/* Says how far a pass is.  The function is called often, in the thread of the pass; if it returns FALSE,
 * the pass ends with CANCELLED. */
typedef struct SatchelConvertCounts
{
  guint64 n_messages, n_done; /* messages of the store; those of them that the copy has */
  guint64 n_bytes;            /* bytes that were copied by all passes */
  guint64 n_changes;          /* changes that the present pass has made */
  gboolean is_comparing;      /* n_done counts messages that were compared */
} SatchelConvertCounts;
typedef gboolean (*SatchelConvertStepFunc) (const SatchelConvertCounts *counts, gpointer data);

typedef struct SatchelConversion SatchelConversion;
/* Makes a conversion.  It takes references to the handles @from and @to; nobody may use @to yet.  @is_bare:
 * the drivers are copied, below the layers of @from, and @to has no layers; otherwise what the server itself
 * sees through all layers is copied.  @bytes_per_s 0 means as fast as possible. */
SatchelConversion *satchel_conversion_new (SatchelStore *from, SatchelStore *to, gboolean is_bare,
                                           guint64 bytes_per_s, SatchelConvertStepFunc step, gpointer data);
void satchel_conversion_free (SatchelConversion *conversion);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelConversion, satchel_conversion_free)
/* Lets go of the copy, which no pass may follow. */
void satchel_conversion_close_copy (SatchelConversion *conversion);
/* Brings the copy up to date.  *ret_n_changes: how many changes that took.  LOCKED: content needs a key that
 * only its user has.  [blocks] */
gboolean satchel_conversion_pass (SatchelConversion *conversion, guint64 *ret_n_changes, GError **error);
/* Keeps the store unchanged until satchel_conversion_unhold, in the same thread.  A pass in between is not
 * slowed down. */
void satchel_conversion_hold (SatchelConversion *conversion);
void satchel_conversion_unhold (SatchelConversion *conversion);
/* Compares both.  Held: names, numbers, history and blobs, which takes a moment; otherwise each message with
 * its content, but not the history of those that vanished.  FALSE: @error says what differs first.  [blocks]
 */
gboolean satchel_conversion_verify (SatchelConversion *conversion, GError **error);
const SatchelConvertCounts *satchel_conversion_counts (const SatchelConversion *conversion);
