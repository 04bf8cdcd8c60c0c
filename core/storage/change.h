/* SPDX-License-Identifier: MIT
 * Changes (listener.h) as the log keeps them: frames with a checksum, each written in one piece.  Pure: no
 * files here.
 */
#pragma once
#include <satchel/listener.h>

#define SATCHEL_CHANGE_MESSAGES 512u          /* of one change; more are told in several */
#define SATCHEL_CHANGE_FRAME_BYTES (8u << 20) /* what would be longer is told as a RESYNC */
#define SATCHEL_CHANGE_HEAD_BYTES 40u

typedef enum
{
  SATCHEL_FRAME_CHECKPOINT = 1, /* begins a file: all rows */
  SATCHEL_FRAME_INTENT,         /* what is about to be tried; told to nobody */
  SATCHEL_FRAME_CHANGES         /* what happened; ends all intents before */
} SatchelFrameKind;

/* What is known of a mailbox, by what was logged of it. */
typedef struct SatchelChangeRow
{
  char *name;
  guint8 id[16];
  guint32 uidvalidity, uidnext;
  guint64 modseq; /* all up to it is logged */
  guint special_use;
  gboolean exists; /* can be selected */
  gboolean is_subscribed;
} SatchelChangeRow;
SatchelChangeRow *satchel_change_row_new (const char *name);
void satchel_change_row_free (gpointer row);

typedef struct SatchelChangeNote
{
  SatchelChange change; /* `messages` is set by satchel_change_note_end */
  GArray *messages;     /* SatchelChangedMessage */
  /* Of an intent. */
  GArray *marks;       /* guint32 of each message, by which its copy is known again */
  guint32 mode, flags; /* mode: of flags, with what is kept (change_commit.c) */
  const char *const *keywords;
} SatchelChangeNote;

/* Changes and all that they point to. */
typedef struct SatchelChangeSet
{
  GHashTable *texts;   /* each once */
  GPtrArray *blocks;   /* memory */
  GPtrArray *accesses; /* SatchelAccess */
  GPtrArray *notes;    /* SatchelChangeNote */
} SatchelChangeSet;
SatchelChangeSet *satchel_change_set_new (void);
void satchel_change_set_free (SatchelChangeSet *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelChangeSet, satchel_change_set_free)
const char *satchel_change_set_text (SatchelChangeSet *set, const char *text);
/* Sorted, without doubles; lives as long as the set. */
const char *const *satchel_change_set_keywords (SatchelChangeSet *set, const char *const *names, guint n);
gboolean satchel_change_keywords_equal (const char *const *one, const char *const *other);
/* At the end of the set; takes a reference of @access. */
SatchelChangeNote *satchel_change_set_add (SatchelChangeSet *set, SatchelChangeKind kind,
                                           const SatchelAccess *access);
void satchel_change_note_end (SatchelChangeNote *note);

typedef struct SatchelFrame
{
  SatchelFrameKind kind;
  guint64 generation; /* of the file that it is in */
  guint64 sequence;   /* of its first change */
  gint64 time;        /* seconds: when it was written */
  gsize len;          /* with its head */
} SatchelFrame;
guint32 satchel_change_checksum (const void *data, gsize len); /* CRC-32C */
/* NULL: too long. @rows: SatchelChangeRow; one that neither exists nor is subscribed is forgotten.  Either
 * may be NULL. */
GBytes *satchel_frame_write (const SatchelFrame *frame, const SatchelChangeSet *set, const GPtrArray *rows);
typedef enum
{
  SATCHEL_FRAME_OK,
  SATCHEL_FRAME_SHORT, /* @len ends within it: ret_frame->len, or 0 if not even that is known */
  SATCHEL_FRAME_BAD
} SatchelFrameState;
SatchelFrameState satchel_frame_check (const guint8 *data, gsize len, SatchelFrame *ret_frame);
/* Of a frame that was checked; FALSE: it is not as it should be all the same.  @set: its changes are added,
 * of @owner; @rows: its rows. Either may be NULL. */
gboolean satchel_frame_read (const guint8 *data, const SatchelFrame *frame, const char *owner,
                             SatchelChangeSet *set, GPtrArray *rows);
