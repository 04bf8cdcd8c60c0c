/* SPDX-License-Identifier: MIT
 * This header declares blocks of messages: one record holds the messages of sixteen UIDs, so that a change of
 * many flags is few writes, and a mailbox is opened with few reads.
 */
#pragma once
#include <satchel/snapshot.h>

#define BDB_BLOCK_MESSAGES 16u

enum
{
  /* The message has entries of its own beside the block. */
  BDB_ROW_HAS_METADATA = 1 << 16,
  BDB_ROW_HAS_UNIQUE_ID = 1 << 17,
  BDB_ROW_PRIVATE = BDB_ROW_HAS_METADATA | BDB_ROW_HAS_UNIQUE_ID
};

/* A message as it is stored. */
typedef struct BdbRow
{
  guint32 flags; /* SATCHEL_FLAG_* and BDB_ROW_HAS_* */
  guint64 modseq;
  guint64 size;                    /* RFC822.SIZE, bytes */
  guint64 length;                  /* bytes of the body as it is stored */
  guint64 content;                 /* the number under which the body is stored */
  gint64 internal_date, save_date; /* seconds since 1970 */
  SatchelKeywordSet keywords;
} BdbRow;

typedef struct BdbBlock
{
  guint32 number;  /* UID / BDB_BLOCK_MESSAGES */
  guint16 present; /* bit k: the message with UID number * BDB_BLOCK_MESSAGES + k */
  BdbRow rows[BDB_BLOCK_MESSAGES];
} BdbBlock;

/* FALSE: the record is malformed. */
gboolean bdb_block_read (BdbBlock *block, guint32 number, const guint8 *data, gsize len);
/* Reads one row only.  *@ret_found FALSE: the UID has no message. */
gboolean bdb_block_read_row (const guint8 *data, gsize len, guint32 uid, BdbRow *ret_row,
                             gboolean *ret_found);
/* Replaces what is in @out. */
void bdb_block_write (const BdbBlock *block, GByteArray *out);
