/* SPDX-License-Identifier: MIT
 * This header declares the keys of a volume's tables (modules/bdb/FORMAT.md has the table).  A key begins
 * with the number of the user, so that the entries of a user lie together; numbers are big-endian, so that
 * they sort.
 */
#pragma once
#include "volume/access.h"

typedef enum
{
  BDB_KIND_REFERENCES = 'D',   /* sequence: contents that messages began or ceased to use */
  BDB_KIND_FILE = 'F',         /* name, piece: a file of the core */
  BDB_KIND_STAGED = 'G',       /* content: it is in no mailbox yet */
  BDB_KIND_IMPORTED = 'E',     /* content: the email id that was imported */
  BDB_KIND_UNIQUE_ID = 'I',    /* mailbox, unique id: the UID */
  BDB_KIND_UID_UNIQUE = 'J',   /* mailbox, UID: the unique id */
  BDB_KIND_METADATA = 'K',     /* mailbox, UID, key */
  BDB_KIND_MAILBOX = 'M',      /* mailbox: its state */
  BDB_KIND_NAME = 'N',         /* name: the mailbox */
  BDB_KIND_MESSAGES = 'R',     /* mailbox, UID / 16: a block of messages */
  BDB_KIND_SUBSCRIPTION = 'S', /* name */
  BDB_KIND_TOMBSTONES = 'T',   /* mailbox, mod-sequence: UIDs that vanished */
  BDB_KIND_USER = 'U',         /* counters of the user */
  BDB_KIND_BLOB = 'B',         /* space, name */
  BDB_KIND_SHARED = 'C'        /* content: how many messages more than one use it */
} BdbKind;

void bdb_key_begin (BdbKey *key, guint32 user, BdbKind kind);
void bdb_key_u32 (BdbKey *key, guint32 number);
void bdb_key_u64 (BdbKey *key, guint64 number);
/* Appends bytes; what does not fit is left out, which the bounds on names and ids rule out. */
void bdb_key_bytes (BdbKey *key, gconstpointer bytes, gsize len);
/* Appends a text with the NUL at its end. */
void bdb_key_text (BdbKey *key, const char *text);
/* The key of user @path in the table of users; NULL: the last number that was given out. */
void bdb_key_of_user (BdbKey *key, const char *path);
/* The key in table content: piece 0 has the attributes, the others the body. */
void bdb_key_content (BdbKey *key, guint32 user, guint64 content);
void bdb_key_piece (BdbKey *key, guint32 user, guint64 content, guint32 piece);
guint32 bdb_key_read_u32 (const guint8 *bytes);
guint64 bdb_key_read_u64 (const guint8 *bytes);
/* Bytes in front of what a kind adds. */
#define BDB_KEY_HEAD 5u
