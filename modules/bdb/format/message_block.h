/* SPDX-License-Identifier: MIT
 * Declares blocks of messages: one record holds the messages of sixteen UIDs, so that a change of many flags
 * is few writes, and a mailbox is opened with few reads.
 */
#pragma once
#include <satchel/snapshot.h>

#define BDB_BLOCK_MESSAGES 16u

enum
{
  /* Each says that the message has records of its own beside the block. */
  BDB_ROW_HAS_METADATA = 1 << 16,
  BDB_ROW_HAS_UNIQUE_ID = 1 << 17,
  BDB_ROW_IN_GROUP = 1 << 18,   /* it is one of a group that has metadata */
  BDB_ROW_LEFT_GROUP = 1 << 19, /* but only what is the message's own counts */
  BDB_ROW_PRIVATE = BDB_ROW_HAS_METADATA | BDB_ROW_HAS_UNIQUE_ID | BDB_ROW_IN_GROUP | BDB_ROW_LEFT_GROUP
};

/* A message is stored in this form, but for its keywords. */
typedef struct BdbRow
{
  guint32 flags; /* SATCHEL_FLAG_* and BDB_ROW_HAS_* */
  guint64 modseq;
  guint64 size;                    /* RFC822.SIZE, bytes */
  guint64 length;                  /* bytes of the body as it is stored */
  guint64 content;                 /* the number under which the body is stored */
  gint64 internal_date, save_date; /* seconds since 1970 */
} BdbRow;

/* It starts zeroed. */
typedef struct BdbBlock
{
  guint32 number;  /* UID / BDB_BLOCK_MESSAGES */
  guint16 present; /* bit k: the block has the message with UID number * BDB_BLOCK_MESSAGES + k */
  BdbRow rows[BDB_BLOCK_MESSAGES];
  guint n_words;  /* words of keywords that a row can have; most mailboxes have no keywords */
  guint64 *words; /* n_words for each row; NULL: 0 */
} BdbBlock;

void bdb_block_clear (BdbBlock *block);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (BdbBlock, bdb_block_clear)
/* Give and take the keywords of row @place. */
void bdb_block_get_keywords (const BdbBlock *block, guint place, SatchelKeywordSet *ret_keywords);
void bdb_block_set_keywords (BdbBlock *block, guint place, const SatchelKeywordSet *keywords);

/* Reads a block.  FALSE means that the record is malformed. */
gboolean bdb_block_read (BdbBlock *block, guint32 number, const guint8 *data, gsize len);
/* Reads one row only, without its keywords.  *@ret_found is FALSE if no message has the UID. */
gboolean bdb_block_read_row (const guint8 *data, gsize len, guint32 uid, BdbRow *ret_row,
                             gboolean *ret_found);
/* Writes a block to @out, in place of what that has. */
void bdb_block_write (const BdbBlock *block, GByteArray *out);
