/* SPDX-License-Identifier: MIT
 * Declares the steps of a transaction on disk, and the journal in which several are noted before they are
 * done, so that they can be done again after a crash.
 */
#pragma once
#include <satchel/storage.h>

typedef struct MdPlan MdPlan;
typedef struct MdStore MdStore;

#define MD_JOURNAL_FILE "satchel-journal"

typedef enum
{
  MD_STEP_RENAME = 1,
  MD_STEP_LINK,
  MD_STEP_UNLINK,
  MD_STEP_RENAME_DIR
} MdStepKind;

typedef struct MdStep
{
  MdStepKind kind;
  int from_fd, to_fd;            /* directories, borrowed */
  const char *from_dir, *to_dir; /* their paths below the user's: "cur", ".A/new", "tmp"; borrowed */
  const char *from, *to;         /* names in them, see md_plan_name */
  gboolean is_done;
  gboolean is_external; /* the step links a file of a spool, which recovery does not repeat */
  gboolean is_staged;   /* the step renames a file out of tmp/ */
} MdStep;

typedef struct MdJournal
{
  int fd;
  guint64 sequence;
  gboolean is_in_force;    /* the file has a record of steps that are being done */
  gboolean retire_pending; /* the mark of the end is written but not synced */
  /* Some steps of the record could neither be done nor put back, so they have to be done again.  This is also
   * read without the writer lock. */
  gint is_half_done;
  guint64 size;
} MdJournal;

void md_journal_init (MdJournal *journal);
/* Writes and syncs one record for all of the plans that take several steps. */
gboolean md_journal_write (MdStore *store, MdPlan *const *plans, guint n, GError **error);
/* Notes that the steps of the record are done, unless they are half done; not synced. */
void md_journal_retire (MdStore *store);
/* Syncs what md_journal_retire wrote, before steps that the record would undo.  Half-done steps are done
 * first; FALSE if they still cannot be. */
gboolean md_journal_settle (MdStore *store, GError **error);
/* Does half-done steps, before names are looked at; takes the writer lock.  FALSE means that some still
 * cannot be done. */
gboolean md_journal_finish (MdStore *store, GError **error);
/* Does the steps of a record that was not retired again. */
gboolean md_journal_recover (MdStore *store, GError **error);
void md_journal_close (MdJournal *journal);
