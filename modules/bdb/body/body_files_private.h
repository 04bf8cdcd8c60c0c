/* SPDX-License-Identifier: MIT
 * Declares what the files about body files share.
 */
#pragma once
#include "body/body_files.h"

#define BDB_BODIES_DIR "bodies"
#define BDB_BODY_NAME_BYTES 16u
/* No file becomes longer than this; a new one is begun instead. */
#define BDB_BODY_FILE_BYTES (256u * 1024u * 1024u)
#define BDB_BODY_OPEN_FILES 32u

/* A file is kept open for the next reader. */
typedef struct BdbBodySlot
{
  guint32 number; /* 0: the slot is free */
  int fd;
  guint n_users;
} BdbBodySlot;

struct BdbBodyFiles
{
  int dir_fd;
  char *path;
  GMutex lock; /* guards everything below, except what `sync_lock` guards */
  BdbBodySlot slots[BDB_BODY_OPEN_FILES];
  BdbBodyPlace end;         /* where the next extent begins */
  BdbBodyPlace epoch_start; /* `end` when the epoch began */
  guint epoch;
  guint n_writers;
  gboolean has_leftovers; /* there may be places in use that no record names */
  guint64 n_writes;       /* how many writes there were */
  guint32 first_dirty;    /* files from this one up to that of `end` have data that is not synced */

  GMutex sync_lock;    /* held during a sync, so that there is one at a time */
  guint64 n_synced;    /* the number of the last write that is durable */
  gboolean has_failed; /* a sync has failed in the present epoch */
};

/* Returns the descriptor of a file, which may be used until bdb_body_files_put. -1 with errno. */
int bdb_body_files_get (BdbBodyFiles *files, guint32 number);
void bdb_body_files_put (BdbBodyFiles *files, guint32 number, int fd);
/* Closes a file that is kept open. */
void bdb_body_files_forget (BdbBodyFiles *files, guint32 number);
/* Writes the name of a file. */
void bdb_body_name (char name[static BDB_BODY_NAME_BYTES], guint32 number);
/* Returns the number of the file with that name; 0 means that it is no body file. */
guint32 bdb_body_number (const char *name);
