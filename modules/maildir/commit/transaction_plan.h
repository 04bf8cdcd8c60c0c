/* SPDX-License-Identifier: MIT
 * Declares a transaction as a plan: steps on disk, and effects in memory that come into force when it is
 * planned and are undone if it fails.
 */
#pragma once
#include "commit/journal.h"
#include "foreign/maildirsize.h"
#include "index/name_table.h"

#include <satchel/storage.h>

typedef struct MdMailbox MdMailbox;
typedef struct MdStore MdStore;
typedef struct MdPlan MdPlan;
typedef struct MdStaged MdStaged;

/* An effect changes one entry of a table; effects are undone in reverse order when a transaction fails. */
typedef struct MdEffect
{
  MdMailbox *mb;
  guint32 uid;
  enum
  {
    MD_EFFECT_ADD,
    MD_EFFECT_RENAME,
    MD_EFFECT_REMOVE,
    MD_EFFECT_TOUCH,
    MD_EFFECT_EXCHANGE /* another name, and other attributes */
  } kind;
  /* Names of files do not say all of the message (ADD), or of the change (RENAME, TOUCH). */
  gboolean is_beyond_name;
  gboolean is_import; /* of ADD: it has the mod-sequence or save date of another store */
  MdEntry before;     /* of RENAME, REMOVE and EXCHANGE */
  GBytes *attributes; /* of ADD and EXCHANGE; may be NULL */
  guint64 modseq;
} MdEffect;

/* A transaction needs these keywords of a mailbox. */
typedef struct MdKeywordUse
{
  MdMailbox *mb;
  SatchelKeywordSet used; /* keywords asked for; if is_counted also all that messages have, now or before */
  gboolean is_counted;
  gboolean is_full; /* no bit is free for another keyword */
  guint n_without;  /* keywords that found no room */
} MdKeywordUse;

/* A transaction imports these things into a mailbox. */
typedef struct MdImport
{
  MdMailbox *mb;
  guint32 uidnext; /* before it; given back if it fails, so that the same import can be tried again */
  GString *lines;  /* of the UID list */
} MdImport;

struct MdPlan
{
  MdStore *store;
  GArray *steps;         /* MdStep */
  GArray *effects;       /* MdEffect */
  GPtrArray *mailboxes;  /* MdMailbox that it touches */
  GPtrArray *before;     /* their snapshots before it, references */
  GPtrArray *staged;     /* MdStaged that it takes; NULL: none */
  GArray *keyword_uses;  /* MdKeywordUse; NULL: none */
  GPtrArray *imports;    /* MdImport; NULL: none */
  MdSizeSum size_change; /* for maildirsize; only set with that setting */
  gboolean syncs_tmp;
  gboolean stays_done;         /* a step could not be put back */
  guint64 modseq;              /* of the transaction; 0: none taken yet */
  guint64 op_modseq;           /* that the operation at work gives: `modseq`, or one that it imports */
  gboolean op_changes;         /* the operation at work changed something so far */
  GStringChunk *names;         /* of the steps */
  GString *new_name, *unknown; /* of the message at work */
};

/* transaction_plan.c has these. */

MdPlan *md_plan_new (MdStore *store);
void md_plan_free (MdPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MdPlan, md_plan_free)
/* Notes that the plan changes @mb, with its snapshot as it is now. */
void md_plan_touch (MdPlan *plan, MdMailbox *mb);
MdStep *md_plan_step (MdPlan *plan, MdStepKind kind);
/* Returns a copy that lives as long as the plan. */
const char *md_plan_name (MdPlan *plan, const char *name);
/* What is returned, and by md_plan_last_effect, holds until the next one is added. */
MdEffect *md_plan_add_effect (MdPlan *plan, MdMailbox *mb, guint32 uid, int kind);
MdEffect *md_plan_last_effect (MdPlan *plan);
/* Returns each MdMailbox that the plans touch once. */
GPtrArray *md_plan_all_mailboxes (MdPlan *const *plans, guint n);
gboolean md_plan_take_uid (MdMailbox *mb, guint32 *ret, GError **error);
/* Takes a mod-sequence for the transaction, if it has none. */
gboolean md_plan_take_modseq (MdPlan *plan, GError **error);
/* Undoes all effects in memory. */
void md_plan_undo (MdPlan *plan);

/* plan_messages.c has these. */

typedef gboolean (*MdRowFunc) (MdPlan *plan, SatchelOperation *op, SatchelSnapshotBuilder *builder,
                               guint32 index, SatchelMessageRow *row, gpointer data, GError **error);
/* Calls @func for each message that the operation names and the mailbox has. */
gboolean md_plan_each_message (MdPlan *plan, SatchelOperation *op, SatchelSnapshotBuilder *builder,
                               MdRowFunc func, gpointer data, GError **error);
SatchelSnapshotBuilder *md_plan_builder_for (MdPlan *plan, MdMailbox *mb);
void md_plan_finish_builder (MdPlan *plan, MdMailbox *mb, SatchelSnapshotBuilder *builder);
/* Says whether the message must be in cur/, since a name in new/ cannot hold its flags. */
gboolean md_plan_needs_cur (const MdMailbox *mb, const SatchelMessageRow *row);
/* Says whether the rows differ in what names of files cannot hold. */
gboolean md_plan_differ_beyond_names (const MdMailbox *mb, const SatchelMessageRow *one,
                                      const SatchelMessageRow *two);
/* Makes the file of @entry the source of @step. */
void md_plan_step_from_entry (MdPlan *plan, MdStep *step, const MdMailbox *mb, const MdEntry *entry);
MdEntry *md_plan_entry_of (MdMailbox *mb, guint32 uid, GError **error);
/* Adds a message. @step brings the file; its destination is filled in. @name is the file's name without
 * flags, which are appended. */
void md_plan_add_message (MdPlan *plan, MdMailbox *mb, SatchelSnapshotBuilder *builder,
                          SatchelMessageRow *row, GString *name, GBytes *attributes, MdStep *step);
gboolean md_plan_drop_message (MdPlan *plan, MdMailbox *mb, SatchelSnapshotBuilder *builder, guint32 index,
                               guint32 uid, GError **error);

/* plan_append.c, plan_copy.c and plan_flags.c have these, by kind. */

/* Makes the file of staged content the source of a new step. */
MdStep *md_plan_step_from_staged (MdPlan *plan, MdStaged *content);
gboolean md_plan_append (MdPlan *plan, SatchelOperation *op, GError **error);
gboolean md_plan_copy (MdPlan *plan, SatchelOperation *op, GError **error);
/* Writes to @prefix a new unique name with the email id of @old, for a name that would be too long
 * otherwise. */
void md_plan_short_prefix (const char *old, const MdEntry *entry, GString *prefix);
gboolean md_plan_flags (MdPlan *plan, SatchelOperation *op, GError **error);
gboolean md_plan_expunge (MdPlan *plan, SatchelOperation *op, GError **error);

/* plan_operation.c has these. */

gboolean md_plan_operation (MdPlan *plan, SatchelOperation *op, GError **error);

/* plan_keywords.c has these. */

/* Says which keywords get a bit: those that the mailbox has already; all, or the operation fails with
 * LIMIT; those that find room, so that a message is never refused for its keywords. */
typedef enum
{
  MD_KEYWORDS_KNOWN,
  MD_KEYWORDS_ALL,
  MD_KEYWORDS_ROOM
} MdKeywordsWanted;
gboolean md_plan_keyword_bits (MdPlan *plan, MdMailbox *mb, char *const *names, MdKeywordsWanted wanted,
                               SatchelKeywordSet *ret, GError **error);
/* Logs a line for each mailbox that had no room for all keywords. */
void md_plan_log_keywords (const MdPlan *plan);

/* plan_import.c has these: messages with UIDs and unique ids of another store. */

/* Makes, before the first operation, the counters go above what the transaction imports. */
gboolean md_plan_begin_imports (MdStore *store, SatchelTransaction *transaction, GError **error);
/* Takes the UID that @op says. CANNOT means that the mailbox cannot give it. */
gboolean md_plan_take_import (MdPlan *plan, const SatchelOperation *op, guint32 *ret_uid, GError **error);
/* Notes the unique id that an import gives, if it gives one.  @name is the planned name, whose first
 * @base_len bytes will never change. */
void md_plan_note_unique_id (MdPlan *plan, const SatchelOperation *op, guint32 uid, const char *name,
                             guint base_len);
/* Notes that the message of @row has the unique id @id still when its file is called @name, without flags. */
void md_plan_save_unique_id (MdPlan *plan, MdMailbox *mb, const SatchelMessageRow *row, const GString *name,
                             const char *id);
/* Makes unique ids durable, after the last operation and before any step is done. FALSE means that the caller
 * undoes the plan. */
gboolean md_plan_save_imports (MdPlan *plan, GError **error);

/* plan_ahead.c has these: what only the index says of new messages is written before they come. */

/* Says whether md_plan_write_ahead has something to write. */
gboolean md_plan_says_more (const MdPlan *plan);
/* Is called when all is planned and nothing is done.  FALSE means that no plan that says more must go on. */
gboolean md_plan_write_ahead (MdPlan *const *plans, guint n, GError **error);

/* steps.c has these. */

/* Does the steps; if one fails, those before it are put back. */
gboolean md_plan_run (MdPlan *plan, GError **error);
/* Puts all steps back.  If one stays done, the journal has all of them done later (is_half_done). */
void md_plan_roll_back (MdPlan *plan);
/* From here on files that were staged for the plan stay when their stage is dropped. */
void md_plan_keep_staged (MdPlan *plan);
/* Says whether a step has removed something; then nothing can be put back. */
gboolean md_plan_has_removed (const MdPlan *plan);
/* Syncs each directory that the plans changed once. */
gboolean md_plan_sync (MdPlan *const *plans, guint n, GError **error);
/* Writes the index, and makes durable what only it says of changed messages. */
gboolean md_plan_sync_indexes (MdPlan *const *plans, guint n, GError **error);
/* Writes what is done to index and cache, and publishes it. */
void md_plan_finish (MdPlan *const *plans, guint n);
/* Marks the indexes of what the plan concerns as not true now.  @is_undone: nothing of it was done. */
void md_plan_distrust_indexes (const MdPlan *plan, gboolean is_undone);
/* Does all of a plan that the driver made for itself, from journal to publishing. */
gboolean md_plan_execute (MdPlan *plan, GError **error);
