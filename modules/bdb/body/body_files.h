/* SPDX-License-Identifier: MIT
 * Declares the body files of a volume (decision 0091): bodies that are too long for the tables lie one after
 * the other in files of the directory `bodies`. What was written does not change; the room of what nobody
 * uses is given back to the disk by holes. All functions may be called from any thread, and block.
 */
#pragma once
#include <satchel/error.h>

/* Every extent begins at a multiple of this, so that its blocks can be given back. */
#define BDB_BODY_ALIGN 4096u

typedef struct BdbBodyPlace
{
  guint32 file; /* number of the file, from 1 on; 0: no place */
  guint64 offset;
} BdbBodyPlace;

/* A writer has this until its transaction is committed or given up. */
typedef struct BdbBodyTicket
{
  guint epoch;   /* the epoch of the environment when writing began */
  guint64 write; /* number of the writer's last write */
} BdbBodyTicket;

typedef struct BdbBodyFiles BdbBodyFiles;

/* Opens the directory of body files in that of the volume, and makes it if it is missing.  @home_fd and @home
 * (for messages) stay the caller's, and must outlive the result. */
BdbBodyFiles *bdb_body_files_open (int home_fd, const char *home, GError **error);
void bdb_body_files_close (BdbBodyFiles *files);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BdbBodyFiles, bdb_body_files_close)

/* ---- writing ---- */

/* Counts a writer. bdb_body_files_end_writer ends it, when everything is committed or given up.
 * @has_left_some says that places may be in use which no record names; the next opening looks for them. */
void bdb_body_files_begin_writer (BdbBodyFiles *files, BdbBodyTicket *ret_ticket);
void bdb_body_files_end_writer (BdbBodyFiles *files, gboolean has_left_some);
/* Writes @len bytes (at most BDB_BODY_EXTENT_BYTES) to a new place. */
gboolean bdb_body_files_write (BdbBodyFiles *files, BdbBodyTicket *ticket, const void *data, gsize len,
                               BdbBodyPlace *ret_place, GError **error);
/* Makes durable what was written with @ticket.  Callers that wait at the same time share a sync.  FALSE means
 * that it may be lost; after a failure every sync fails until the next epoch (UNAVAILABLE). */
gboolean bdb_body_files_sync (BdbBodyFiles *files, const BdbBodyTicket *ticket, GError **error);
/* Checks that the ticket is of the present epoch.  It is called in the transaction that names the places. */
gboolean bdb_body_files_is_current (BdbBodyFiles *files, const BdbBodyTicket *ticket, GError **error);
/* Says that the environment was opened again: what was written and not committed counts as lost. */
void bdb_body_files_begin_epoch (BdbBodyFiles *files);

/* ---- reading ---- */

/* Reads exactly @len bytes.  CORRUPT: they are not there. */
gboolean bdb_body_files_read (BdbBodyFiles *files, BdbBodyPlace place, void *buffer, gsize len,
                              GError **error);

/* ---- room ---- */

/* Gives the blocks of a place back to the disk, and removes a file that has none left. */
gboolean bdb_body_files_punch (BdbBodyFiles *files, BdbBodyPlace place, guint64 len, GError **error);
/* Says where the next write goes: everything before that place was written.  FALSE means that a writer has
 * not ended, or may have left places that no record names. */
gboolean bdb_body_files_end (BdbBodyFiles *files, BdbBodyPlace *ret_end);
/* Returns where the files ended when the present epoch began. */
BdbBodyPlace bdb_body_files_epoch_start (BdbBodyFiles *files);
/* Returns the length of a file in bytes; 0 means that there is none. */
guint64 bdb_body_files_length (BdbBodyFiles *files, guint32 file);
/* Returns the number of bytes that the files take on disk. */
guint64 bdb_body_files_usage (BdbBodyFiles *files);

/* ---- copies ---- */

/* Copies the files into a directory `bodies` that is made in @target, and syncs them; holes stay holes. */
gboolean bdb_body_files_copy (const char *home, const char *target, GError **error);
/* Links the files into such a directory, for a volume that nobody changes any more. */
gboolean bdb_body_files_link (const char *home, const char *target, GError **error);
