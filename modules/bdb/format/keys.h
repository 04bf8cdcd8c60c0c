/* SPDX-License-Identifier: MIT
 * Declares the keys of a volume's tables (modules/bdb/FORMAT.md has the table). A key begins with the number
 * of the user, so that the entries of a user lie together; numbers are big-endian, so that they sort.
 */
#pragma once
#include "volume/access.h"

typedef enum
{
  BDB_KIND_REFERENCES = 'D',   /* sequence number: contents that messages have begun or ceased to use */
  BDB_KIND_FILE = 'F',         /* name, piece: a file of the core */
  BDB_KIND_GROUP = 'G',        /* mailbox, last UID, key: metadata of a group of messages */
  BDB_KIND_IMPORTED = 'E',     /* content: the email id that came with an import */
  BDB_KIND_UNIQUE_ID = 'I',    /* mailbox, unique id: the UID */
  BDB_KIND_UID_UNIQUE = 'J',   /* mailbox, UID: the unique id */
  BDB_KIND_METADATA = 'K',     /* mailbox, UID, key: metadata of a message */
  BDB_KIND_MAILBOX = 'M',      /* mailbox: its state */
  BDB_KIND_NAME = 'N',         /* name: the mailbox */
  BDB_KIND_MESSAGES = 'R',     /* mailbox, UID / 16: a block of messages */
  BDB_KIND_SUBSCRIPTION = 'S', /* name: a subscription */
  BDB_KIND_TOMBSTONES = 'T',   /* mailbox, mod-sequence: UIDs that vanished */
  BDB_KIND_USER = 'U',         /* counters of the user */
  BDB_KIND_BLOB = 'B',         /* space, name: a blob */
  BDB_KIND_SHARED = 'C',       /* content: how many messages use it, beyond the first */
  BDB_KIND_BODY = 'L',         /* content: where its body lies in body files */
  /* User 0 has these: */
  BDB_KIND_FREED = 'P', /* user, content: places in body files that are to be given back */
  BDB_KIND_END = 'Q'    /* a place; all bodies before it are recorded */
} BdbKind;

void bdb_key_begin (BdbKey *key, guint32 user, BdbKind kind);
void bdb_key_u32 (BdbKey *key, guint32 number);
void bdb_key_u64 (BdbKey *key, guint64 number);
/* Appends bytes; what does not fit is left out, which the bounds on names and ids rule out. */
void bdb_key_bytes (BdbKey *key, gconstpointer bytes, gsize len);
/* Appends a text with the NUL at its end. */
void bdb_key_text (BdbKey *key, const char *text);
/* Makes the key of user @path in the table of users; NULL: the key of the last number that was given to a
 * user. */
void bdb_key_of_user (BdbKey *key, const char *path);
/* Makes the key of a content in its table: part 0 has the attributes, part 1 a short body. */
void bdb_key_content (BdbKey *key, guint32 user, guint64 content);
void bdb_key_part (BdbKey *key, guint32 user, guint64 content, guint32 part);
guint32 bdb_key_read_u32 (const guint8 *bytes);
guint64 bdb_key_read_u64 (const guint8 *bytes);
/* Each key has so many bytes in front of those of its kind. */
#define BDB_KEY_HEAD 5u
