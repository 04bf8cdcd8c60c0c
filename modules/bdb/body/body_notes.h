/* SPDX-License-Identifier: MIT
 * Declares what the records of a volume say about its body files: where bodies are, which room is to be
 * given back, and up to which place all bodies are recorded.
 */
#pragma once
#include "body/body_record.h"
#include "format/keys.h"

/* Erases a content: its body, wherever it is, and its attributes.  Places in body files are added to @freed
 * for bdb_body_note_freed in the same transaction.  Nothing is read from them later. */
gboolean bdb_content_erase (BdbWrite *write, guint32 user, guint64 content, GByteArray *freed,
                            GError **error);
/* Notes places that are to be given back once the transaction is durable; @content is one of those that were
 * erased. */
gboolean bdb_body_note_freed (BdbWrite *write, guint32 user, guint64 content, const GByteArray *freed,
                              GError **error);

/* Gives back what was noted, and after a crash what no record names.  It does nothing while a backup copies
 * the volume.  [blocks] */
gboolean bdb_body_reclaim (BdbVolume *volume, GError **error);
/* Notes where the body files end, so that the next opening need not look for what a crash left. */
gboolean bdb_body_mark_end (BdbVolume *volume, GError **error);

/* Calls @func for the record of each body in body files; FALSE ends it. */
typedef gboolean (*BdbBodyFunc) (guint32 user, guint64 content, const guint8 *record, guint len,
                                 gpointer data);
gboolean bdb_body_scan (BdbVolume *volume, BdbBodyFunc func, gpointer data, GError **error);
/* Reads all bodies in body files and checks their checksums.  CORRUPT: one of them is wrong. */
gboolean bdb_body_verify (BdbVolume *volume, GError **error);
