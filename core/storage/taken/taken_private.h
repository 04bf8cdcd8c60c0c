/* SPDX-License-Identifier: MIT
 * Declares what the files of the record share, and the format of its file. The file has batches, each with a
 * head, the name of the mailbox and the ids; a mark follows each batch that was committed.
 */
#pragma once
#include "core/storage/taken/taken.h"

#define BATCH_MAGIC 0x31424953u /* "SIB1" */
#define DONE_MAGIC 0x31444953u  /* "SID1" */
#define SATCHEL_TAKEN_NAME_MAX 1024u

typedef struct BatchHead
{
  guint32 magic, n;
  guint32 uidnext; /* UIDNEXT of the mailbox before the batch */
  guint32 name_len;
  guint8 mailbox_id[16];
  guint64 checksum; /* checksum of the batch, computed with 0 here */
} BatchHead;

typedef struct TakenBatch
{
  BatchHead head;
  char *name;
  SatchelTakenId ids[SATCHEL_TAKEN_BATCH_MAX];
} TakenBatch;

typedef struct TakenEntry
{
  SatchelTakenId id;
  guint32 n_used; /* in the first of all entries with this id: how many of them are used */
} TakenEntry;

struct SatchelTaken
{
  SatchelStore *store;
  GArray *entries; /* TakenEntry of earlier imports, sorted */
  guint n_before;
  guint64 end;      /* where the next batch is written */
  gboolean is_done; /* the mark of the last batch is not written yet */
  gboolean has_doubt;
  TakenBatch doubt; /* the last batch, if it is not known whether it was committed */
  guint64 doubt_start, doubt_end;
};

/* Says in *ret_is_there whether the mailbox has the batch in doubt. */
gboolean satchel_taken_settle (SatchelTaken *taken, gboolean *ret_is_there, GError **error);
