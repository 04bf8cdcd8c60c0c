/* SPDX-License-Identifier: MIT
 * Frames of the index, as index.c writes and index_load.c reads them, in the machine's byte order.
 */
#pragma once
#include "files/checksum.h"
#include "index/index.h"

#define FRAME_MAGIC 0x4d524653u   /* "SFRM" */
#define TRAILER_MAGIC 0x454e4453u /* "SDNE" */
/* 1 has no flags items, 2 no keywords that get another name, 3 at most 64 keywords, 4 nothing planned; all
 * are read. */
#define INDEX_VERSION 5u
#define FRAME_BYTES (1u << 20)
#define FRAME_MAX (16u << 20)

typedef struct FrameHead
{
  guint32 magic, version, len, crc; /* of the payload */
} FrameHead;
typedef struct FrameTail
{
  MdSummary summary;
  /* unsized: messages whose size is not known, and one more; 0: not said.  crc: of all before it. */
  guint32 magic, version, checkpoint, payload_crc, unsized, crc;
} FrameTail;

/* A row item, 'R', has this fixed part, as in memory: the file never leaves the machine's byte order. The
 * name of the file follows. An item 'P' is of a message that may come, and has the base of its name; items
 * 'w' and 'm' that follow it are as 'W' and 'M' of other messages. */
typedef struct RowItem
{
  guint32 uid, flags;
  guint64 modseq, keywords, size, cache_off;
  gint64 internal_date, save_date;
  guint32 cache_len;
  guint8 bits, base_len, name_len, reserved;
} RowItem;

/* An item changes flags of an earlier row; the part of the name behind its base follows it. */
typedef struct FlagsItem
{
  guint64 modseq, keywords;
  guint32 uid, flags;
  guint8 bits, end_len, reserved[6];
} FlagsItem;

/* An item follows a row or flags item whose message has keywords from number 64 on: the words behind
 * `keywords` there. */
typedef struct WideItem
{
  guint32 uid, n_words; /* then n_words times 64 bits */
} WideItem;

/* The name of a keyword follows its item. Versions up to 3 had an item 'K' instead, of a byte each. */
typedef struct KeywordItem
{
  guint16 bit;
  gint8 letter;
  guint8 name_len;
} KeywordItem;

static inline gboolean
tail_is_good (const FrameTail *tail)
{
  return tail->magic == TRAILER_MAGIC && tail->version <= INDEX_VERSION
         && tail->crc == md_crc32c (0, tail, G_STRUCT_OFFSET (FrameTail, crc));
}
