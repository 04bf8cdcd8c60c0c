/* SPDX-License-Identifier: MIT
 * Declares the store of one user. Two locks: `writer` serialises everything that changes the store; `table`,
 * held for short and never over I/O, guards names, cache offsets and metadata against readers.
 */
#pragma once
#include "commit/journal.h"
#include "settings.h"
#include "store/user_file.h"

#include <satchel/storage.h>

typedef struct MdStore MdStore;
struct MdStore
{
  SatchelStorage *storage;
  int root_fd; /* borrowed */
  int user_fd, tmp_fd;
  int control_fd; /* of the other server's files of the user; user_fd if they are there */
  MdSettings settings;
  GMutex writer, table;
  MdUser *user;
  MdJournal journal;
  GHashTable *open; /* directory name to MdMailbox, borrowed */
  /* Of mailboxes that are not open (usage_count.c), NULL: none was counted yet; under `writer`, as is
   * count_round. */
  GHashTable *counted;
  guint count_round;
  gboolean maildirsize_is_stale; /* the next change writes it anew */
  guint64 list_user_serial, user_serial;
  GArray *owed_syncs;  /* syncs that md_hold_settle makes; NULL: none */
  GArray *list_stamps; /* stamps of the directories that the last LIST read */
  gboolean list_known;
};

#define MD_FOLDER_DEPTH 4u /* of a folder in the trash, which has two; what is deeper was planted */
/* A file was removed.  FALSE: the removal stops. */
typedef gboolean (*MdRemovedFunc) (gpointer data);
/* Anything that is deeper than @depth levels stays, and so do the directories above it, and what cannot be
 * removed.  @removed may be NULL; FALSE only if it stopped the removal. */
gboolean md_remove_tree (int dirfd, const char *name, guint depth, MdRemovedFunc removed, gpointer data);
gboolean md_check_owner (int fd, const char *path, GError **error);
