/* SPDX-License-Identifier: MIT
 * Says what the files of a conversion share.
 */
#pragma once
#include "core/storage/convert/convert.h"
#include "core/storage/snapshot/keyword_names.h"
#include "core/storage/store/store_private.h"

struct SatchelConversion
{
  SatchelStore *from, *to;
  /* the level of `from` by whose calls the source is read; they go to the levels below it */
  SatchelStorage *source;
  const SatchelAccess *access; /* an access of the server itself, for @from */
  gboolean is_bare, is_held;
  guint64 bytes_per_s;
  gint64 slept_us; /* when all bytes that were copied so far should have been copied at the wanted rate */
  SatchelConvertStepFunc step;
  gpointer data;
  SatchelConvertCounts counts;
  guint64 n_compared;
  GHashTable *done; /* name -> SatchelMailboxState of the source when it was copied */
  GHashTable *anew; /* names of mailboxes whose copies were begun anew */
};

/* The same mailbox is open in both stores. */
typedef struct SatchelConvertPair
{
  SatchelConversion *conversion;
  const char *name;
  SatchelMailboxCore *from; /* the mailbox of the store, with a use of it */
  SatchelMailbox *to;
  SatchelSnapshot *wanted;  /* snapshot of `from` */
  SatchelSnapshot *present; /* snapshot of `to` before the pass */
} SatchelConvertPair;

/* Reports progress.  CANCELLED: the conversion was cancelled.  UNAVAILABLE: the user has another owner. */
gboolean satchel_convert_step (SatchelConversion *conversion, GError **error);
/* Sleeps as long as the rate asks for. */
gboolean satchel_convert_keep_rate (SatchelConversion *conversion, guint64 n_bytes, GError **error);

/* convert_names.c makes names, subscriptions and special uses equal.  @infos are those of the source. */
gboolean satchel_convert_names (SatchelConversion *conversion, GPtrArray *infos, GError **error);
gboolean satchel_convert_uses (SatchelConversion *conversion, GPtrArray *infos, GError **error);
/* Returns all names of the source, or NULL. */
GPtrArray *satchel_convert_list_source (SatchelConversion *conversion, GError **error);
/* Removes all messages of a mailbox of the copy. */
gboolean satchel_convert_empty (SatchelMailbox *mailbox, GError **error);

/* convert_pair.c */
gboolean satchel_convert_open_pair (SatchelConversion *conversion, const char *name, SatchelConvertPair *pair,
                                    GError **error);
void satchel_convert_close_pair (SatchelConvertPair *pair);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SatchelConvertPair, satchel_convert_close_pair)
/* Makes the mailbox in the copy, as it was before its first message, and opens it. */
gboolean satchel_convert_make_mailbox (SatchelConvertPair *pair, GError **error);
/* Opens the mailbox of the copy, again if it is open. */
gboolean satchel_convert_open_copy (SatchelConvertPair *pair, GError **error);

/* convert_mailbox.c */
/* Makes the copy what `wanted` says, and `present` what it is then. */
gboolean satchel_convert_pair (SatchelConvertPair *pair, GError **error);
gboolean satchel_convert_mailbox (SatchelConversion *conversion, const char *name, GError **error);

/* convert_anew.c begins a copy anew that cannot become what the mailbox is, once in a conversion. */
gboolean satchel_convert_begin_anew_if_needed (SatchelConvertPair *pair, GError **error);

/* convert_append.c adds all messages of `wanted` from the UIDNEXT of `present` on. */
gboolean satchel_convert_append (SatchelConvertPair *pair, GError **error);

/* convert_blobs.c */
gboolean satchel_convert_blobs (SatchelConversion *conversion, gboolean only_compare, GError **error);
