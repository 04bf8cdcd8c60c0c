/* SPDX-License-Identifier: MIT
 * Declares the record that says where a body lies in the body files: its length, and for each extent its
 * place and the sums of its pieces.
 */
#pragma once
#include "body/body_files.h"

/* A body is read and checked in pieces of this many bytes. */
#define BDB_BODY_PIECE_BYTES 65536u
#define BDB_BODY_EXTENT_PIECES 16u
/* A body lies in extents of this many bytes; the last one is shorter. */
#define BDB_BODY_EXTENT_BYTES (BDB_BODY_EXTENT_PIECES * BDB_BODY_PIECE_BYTES)

/* Returns the record of an empty body; yours. */
GByteArray *bdb_body_record_new (void);
/* Adds an extent with the bytes that were written there.  All but the last have BDB_BODY_EXTENT_BYTES. */
void bdb_body_record_add (GByteArray *record, BdbBodyPlace place, const guint8 *data, gsize len);

typedef struct BdbBodyPiece
{
  BdbBodyPlace place;
  guint length; /* bytes */
  guint64 sum;
} BdbBodyPiece;

/* Reads the length of the body.  FALSE means that the record is malformed. */
gboolean bdb_body_record_length (const guint8 *record, gsize len, guint64 *ret_length);
/* Returns piece @piece, counted from 0, of a record that is well-formed and has so many. */
BdbBodyPiece bdb_body_record_piece (const guint8 *record, gsize len, guint64 piece);
gboolean bdb_body_piece_is_right (const BdbBodyPiece *piece, const guint8 *data);

/* Calls @func for each extent of a well-formed record. */
typedef void (*BdbBodyExtentFunc) (BdbBodyPlace place, guint length, gpointer data);
void bdb_body_record_extents (const guint8 *record, gsize len, BdbBodyExtentFunc func, gpointer data);
