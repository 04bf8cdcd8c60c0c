/* SPDX-License-Identifier: MIT
 * Declares a file of records that only grows: lines of text with a checksum each, made durable by fdatasync.
 * When much of it is outdated, what counts is written into a new file, which takes its place. One thread at
 * a time. For state that is small enough to be in memory as well, such as what auth and its modules keep.
 */
#pragma once
#include <satchel/error.h>

G_BEGIN_DECLS

#define SATCHEL_RECORD_BYTES_MAX 2048u                      /* most bytes of one record */
#define SATCHEL_RECORD_LOG_BYTES_MAX (256u * 1024u * 1024u) /* most bytes of the file */

typedef struct SatchelRecordLog SatchelRecordLog;

/* A record is text of one line. */
typedef void (*SatchelRecordFunc) (const char *record, gpointer data);
/* Calls @emit for each record that counts. */
typedef void (*SatchelRecordDump) (SatchelRecordFunc emit, gpointer emit_data, gpointer data);

enum
{
  /* A damaged record before the end is an error (CORRUPT): for records that must not be forgotten, such as
   * that a code was used. */
  SATCHEL_RECORD_LOG_WHOLE = 1 << 0,
  /* A second file, NAME.mark, says that there is one and how long it was: a file that was removed or has lost
   * its end is an error (CORRUPT), and not taken for one in which less was said. */
  SATCHEL_RECORD_LOG_GUARDED = 1 << 1
};

/* Reads the file @name of the directory @root_fd (borrowed; -1: in memory only), calling @func for each whole
 * record in order. A file that is not there is made with the first record.  What a crash left half written at
 * its end is dropped; a damaged record before the end is left out, said in the log, and kept in NAME.damaged.
 * @kind begins the file.  @flags: SATCHEL_RECORD_LOG_...  NULL means that it cannot be read, is none of ours,
 * is of a newer program, or damaged where that is an error; some of it may have been given to @func. */
SATCHEL_API SatchelRecordLog *satchel_record_log_open (int root_fd, const char *name, const char *kind,
                                                       guint flags, SatchelRecordFunc func,
                                                       SatchelRecordDump dump, gpointer data, GError **error);
SATCHEL_API void satchel_record_log_free (SatchelRecordLog *log);
/* Waits in memory for sync.  The caller has it in what `dump` emits. */
SATCHEL_API void satchel_record_log_add (SatchelRecordLog *log, const char *record);
/* Makes durable what was added. @n_live says how many records count. FALSE means that it is not durable, and
 * that what was added is dropped; the next sync writes a new file of what counts then. */
SATCHEL_API gboolean satchel_record_log_sync (SatchelRecordLog *log, guint n_live, GError **error);
/* Writes a new file of what counts in the place of the old one, for a change of many records at once:
 * whatever happens meanwhile, one of the two is there. What was added and waits is dropped; `dump` has it.
 * FALSE means that it is not known which one is there; the next sync writes a new file of what counts
 * then. */
SATCHEL_API gboolean satchel_record_log_rewrite (SatchelRecordLog *log, GError **error);
/* Returns the number of records in the file, for tests. */
SATCHEL_API guint satchel_record_log_n_records (const SatchelRecordLog *log);

G_END_DECLS
