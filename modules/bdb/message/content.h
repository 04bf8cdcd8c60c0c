/* SPDX-License-Identifier: MIT
 * Declares contents, which are bodies of messages with their attributes. A short body is a record; a longer
 * one lies in body files. Copies of a message share a content. A transaction that removes a message only
 * notes that it does not use its content any more; the upkeep settles such notes in order, and removes
 * contents that no message uses.
 */
#pragma once
#include "body/body_record.h"
#include "message/mailbox.h"

/* A body of at most so many bytes is a record of the table (decision 0091). */
#define BDB_SHORT_BODY_BYTES 8192u

/* Writes a short body. */
gboolean bdb_content_put_body (BdbStore *store, BdbWrite *write, guint64 content, const void *data, gsize len,
                               GError **error);
/* Writes where a longer one is. */
gboolean bdb_content_put_record (BdbStore *store, BdbWrite *write, guint64 content, const GByteArray *record,
                                 GError **error);
gboolean bdb_content_put_attributes (BdbStore *store, BdbWrite *write, guint64 content, GBytes *attributes,
                                     GError **error);
/* Returns the attributes of a content, by way of @buffer.  NULL without @error means that there are none. */
GBytes *bdb_content_get_attributes (BdbStore *store, guint64 content, GByteArray *buffer, GError **error);
/* Opens the body of a message, which stays readable when the message is removed. */
SatchelStream *bdb_content_open (BdbStore *store, guint64 content, guint64 length, GError **error);

/* One transaction makes messages use contents (COPY) or use them no more (EXPUNGE, delete). */
typedef struct BdbReferences
{
  GArray *more, *less; /* guint64 */
} BdbReferences;
gboolean bdb_references_save (BdbStore *store, BdbWrite *write, const BdbReferences *references,
                              GError **error);
gboolean bdb_references_drop_box (BdbStore *store, BdbWrite *write, const BdbBox *box, GError **error);
/* Settles the oldest notes.  *ret_is_done says that no more of them can be settled now. */
gboolean bdb_references_settle (BdbStore *store, gboolean *ret_is_done, GError **error);
