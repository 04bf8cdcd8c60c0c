/* SPDX-License-Identifier: MIT
 * Declares the format of changes (listener.h) in the log: frames with a checksum, each written in one piece.
 * Pure: no files.
 */
#pragma once
#include <satchel/listener.h>

#define SATCHEL_CHANGE_MESSAGES 512u /* messages of one change; further ones go into another change */
#define SATCHEL_CHANGE_FRAME_BYTES (8u << 20) /* a longer change becomes a RESYNC */
#define SATCHEL_CHANGE_HEAD_BYTES 40u

typedef enum
{
  SATCHEL_FRAME_CHECKPOINT = 1, /* begins a file: all rows */
  SATCHEL_FRAME_INTENT,         /* a change that is about to be made; no listener hears of it */
  SATCHEL_FRAME_CHANGES         /* changes that were made; ends all intents before it */
} SatchelFrameKind;

/* A row has the state of a mailbox, as far as its changes are logged. */
typedef struct SatchelChangeRow
{
  char *name;
  guint8 id[16];
  guint32 uidvalidity, uidnext;
  guint64 modseq; /* all changes up to this mod-sequence are logged */
  guint special_use;
  gboolean exists; /* the mailbox can be selected */
  gboolean is_subscribed;
} SatchelChangeRow;
SatchelChangeRow *satchel_change_row_new (const char *name);
void satchel_change_row_free (gpointer row);

typedef struct SatchelChangeNote
{
  SatchelChange change; /* `messages` is set by satchel_change_note_end */
  GArray *messages;     /* SatchelChangedMessage */
  /* Only an intent has these: */
  GArray *marks;       /* guint32 of each message, by which its copy is recognised */
  guint32 mode, flags; /* mode: how the flags change, with what is kept (change_commit.c) */
  const char *const *keywords;
} SatchelChangeNote;

/* Changes, and everything that they point to. */
typedef struct SatchelChangeSet
{
  GHashTable *texts;   /* each text once */
  GPtrArray *blocks;   /* memory */
  GPtrArray *accesses; /* SatchelAccess */
  GPtrArray *notes;    /* SatchelChangeNote */
} SatchelChangeSet;
SatchelChangeSet *satchel_change_set_new (void);
void satchel_change_set_free (SatchelChangeSet *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelChangeSet, satchel_change_set_free)
const char *satchel_change_set_text (SatchelChangeSet *set, const char *text);
/* Returns the keywords, sorted and each once; they live as long as the set. */
const char *const *satchel_change_set_keywords (SatchelChangeSet *set, const char *const *names, guint n);
gboolean satchel_change_keywords_equal (const char *const *one, const char *const *other);
/* Adds a change at the end of the set; takes a reference of @access. */
SatchelChangeNote *satchel_change_set_add (SatchelChangeSet *set, SatchelChangeKind kind,
                                           const SatchelAccess *access);
void satchel_change_note_end (SatchelChangeNote *note);

typedef struct SatchelFrame
{
  SatchelFrameKind kind;
  guint64 generation; /* generation of the file that has the frame */
  guint64 sequence;   /* sequence number of its first change */
  gint64 time;        /* when it was written, in seconds since 1970 */
  gsize len;          /* bytes of the frame with its head */
} SatchelFrame;
guint32 satchel_change_checksum (const void *data, gsize len); /* CRC-32C */
/* Returns the bytes of a frame; NULL means that it would be too long.  @rows: SatchelChangeRow; a row that
 * neither exists nor is subscribed is removed.  Either may be NULL. */
GBytes *satchel_frame_write (const SatchelFrame *frame, const SatchelChangeSet *set, const GPtrArray *rows);
typedef enum
{
  SATCHEL_FRAME_OK,
  /* @data ends within the frame: its length is ret_frame->len, or 0 if not even that is known */
  SATCHEL_FRAME_SHORT,
  SATCHEL_FRAME_BAD
} SatchelFrameState;
SatchelFrameState satchel_frame_check (const guint8 *data, gsize len, SatchelFrame *ret_frame);
/* Reads a frame that was checked.  FALSE: its content is malformed all the same.  @set: its changes, of
 * @owner, are added; @rows: its rows are added.  Either may be NULL. */
gboolean satchel_frame_read (const guint8 *data, const SatchelFrame *frame, const char *owner,
                             SatchelChangeSet *set, GPtrArray *rows);
