/* SPDX-License-Identifier: MIT
 * Says what the record of calls is, from which the states are made.
 */
#pragma once
#include "tests/lib/crashfs.h"

typedef enum
{
  CRASHFS_ADD,
  CRASHFS_REMOVE,
  CRASHFS_REPLACE,
  CRASHFS_WRITE,
  CRASHFS_TRUNCATE,
  CRASHFS_SYNC,
  CRASHFS_MARK
} CrashKind;

typedef struct CrashOperation
{
  CrashKind kind;
  guint inode;      /* whose: of names the directory */
  guint child;      /* of names */
  char *name, *old; /* old: CRASHFS_REPLACE, a rename within one directory */
  /* CRASHFS_REMOVE, of a rename: the CRASHFS_ADD + 1; the old name never goes without the new one. */
  guint pair;
  gboolean is_durable;
  guint64 offset; /* or length, or the number of a mark */
  GBytes *data;
} CrashOperation;

typedef struct CrashInode
{
  gboolean is_dir;
  char *name;          /* the last one */
  GByteArray *content; /* durable */
  guint n_settled;     /* how often that changed */
  GHashTable *names;   /* durable: name -> inode */
  GArray *pending;     /* guint, operations not synced */
} CrashInode;

extern GArray *crashfs_operations; /* CrashOperation */
extern GPtrArray *crashfs_inodes;  /* CrashInode; what they hold was there before the record began */
CrashInode *crashfs_inode_new (gboolean is_dir, const char *name);
void crashfs_inode_free (gpointer inode);
