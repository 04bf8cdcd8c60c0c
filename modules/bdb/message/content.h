/* SPDX-License-Identifier: MIT
 * This header declares contents: bodies of messages in pieces, with their attributes.  Copies of a message
 * share a content.  A removed message only notes that it does not use it any more; the upkeep settles such
 * notes in order, and removes what nobody uses.
 */
#pragma once
#include "message/mailbox.h"

/* A body is stored in pieces of this many bytes, 16 pages of a chain each. */
#define BDB_PIECE_BYTES 65024u

/* Writes one piece, from 1 on. */
gboolean bdb_content_put_piece (BdbStore *store, BdbWrite *write, guint64 content, guint32 piece,
                                const void *data, gsize len, GError **error);
gboolean bdb_content_put_attributes (BdbStore *store, BdbWrite *write, guint64 content, GBytes *attributes,
                                     GError **error);
/* NULL without @error: there are none. */
GBytes *bdb_content_get_attributes (BdbStore *store, guint64 content, GError **error);
/* The body of a message; it stays readable when the message is removed. */
SatchelStream *bdb_content_open (BdbStore *store, guint64 content, guint64 length, GError **error);

/* Contents that messages began (COPY) or ceased (EXPUNGE, delete) to use with one transaction. */
typedef struct BdbReferences
{
  GArray *more, *less; /* guint64 */
} BdbReferences;
gboolean bdb_references_save (BdbStore *store, BdbWrite *write, const BdbReferences *references,
                              GError **error);
gboolean bdb_references_drop_box (BdbStore *store, BdbWrite *write, const BdbBox *box, GError **error);
/* Settles the oldest notes; *ret_is_done: none is left that could be settled now. */
gboolean bdb_references_settle (BdbStore *store, gboolean *ret_is_done, GError **error);
