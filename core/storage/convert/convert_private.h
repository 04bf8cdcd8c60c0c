/* SPDX-License-Identifier: MIT
 * This header says what the files of a conversion share.
 */
#pragma once
#include "core/storage/convert/convert.h"
#include "core/storage/store/store_private.h"

struct SatchelConversion
{
  SatchelStore *from, *to;
  SatchelStorage *source;      /* the level of @from whose calls are the source: those below it */
  const SatchelAccess *access; /* of the server itself, in @from */
  gboolean is_bare, is_held;
  guint64 bytes_per_s;
  gint64 slept_us; /* when as many bytes as were copied should have been copied */
  SatchelConvertStepFunc step;
  gpointer data;
  SatchelConvertCounts counts;
  guint64 n_compared;
  GHashTable *done; /* name -> SatchelMailboxState of the source when it was copied */
};

/* A mailbox of both stores. */
typedef struct SatchelConvertPair
{
  SatchelConversion *conversion;
  const char *name;
  SatchelMailboxCore *from; /* a use */
  SatchelMailbox *to;
  SatchelSnapshot *wanted;  /* of `from` */
  SatchelSnapshot *present; /* of `to`, before the pass */
} SatchelConvertPair;

/* CANCELLED if nobody wants the conversion any more, or the user has another owner. */
gboolean satchel_convert_step (SatchelConversion *conversion, GError **error);
/* Sleeps where the rate asks for it. */
gboolean satchel_convert_keep_rate (SatchelConversion *conversion, guint64 n_bytes, GError **error);
/* Keywords of a row, NULL-ended; the names are those of @snapshot. */
const char **satchel_convert_keywords (const SatchelSnapshot *snapshot, const SatchelKeywordSet *set);

/* convert_names.c: makes names, subscriptions and special uses equal. @infos: of the source. */
gboolean satchel_convert_names (SatchelConversion *conversion, GPtrArray *infos, GError **error);
gboolean satchel_convert_uses (SatchelConversion *conversion, GPtrArray *infos, GError **error);
/* All names, or NULL. */
GPtrArray *satchel_convert_list_source (SatchelConversion *conversion, GError **error);

/* convert_mailbox.c */
gboolean satchel_convert_open_pair (SatchelConversion *conversion, const char *name, SatchelConvertPair *pair,
                                    GError **error);
void satchel_convert_close_pair (SatchelConvertPair *pair);
/* Makes the copy what `wanted` says, and `present` what it is then. */
gboolean satchel_convert_pair (SatchelConvertPair *pair, GError **error);
gboolean satchel_convert_mailbox (SatchelConversion *conversion, const char *name, GError **error);

/* convert_append.c: adds all messages of `wanted` whose UID is from the UIDNEXT of `present` on. */
gboolean satchel_convert_append (SatchelConvertPair *pair, GError **error);

/* convert_blobs.c */
gboolean satchel_convert_blobs (SatchelConversion *conversion, gboolean only_compare, GError **error);
