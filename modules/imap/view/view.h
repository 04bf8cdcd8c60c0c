/* SPDX-License-Identifier: MIT
 * Declares the view: what a session knows of its selected mailbox, and how it reports changes: EXPUNGE,
 * EXISTS, RECENT, FETCH FLAGS (RFC 3501 5.2, 5.5, 7.3, 7.4). It is a snapshot while the client is active,
 * and UID ranges and a mod-sequence at rest.
 */
#pragma once
#include "grammar/arguments.h"
#include "writer.h"
#include <satchel/store.h>

/* Says how far a command, or a piece of work, has come. */
typedef enum
{
  IMAP_STEP_DONE = 0,
  IMAP_STEP_AGAIN, /* the output is full, or others should have a turn: call again later */
  IMAP_STEP_BLOCK, /* nothing done: call again where blocking is allowed */
  IMAP_STEP_WAIT   /* IDLE: until the client says DONE */
} ImapStep;

/* This session made a change of flags itself, so that the client knows of it already. */
typedef struct ImapOwnChange
{
  guint64 modseq;
  SatchelFlagsMode mode;
  guint32 flags;
  char **keywords;
  SatchelKeywordSet bits; /* of `keywords` in the snapshot that an update leads to, once has_bits */
  gboolean has_bits;
} ImapOwnChange;

/* An update may report these changes, in this form. */
typedef struct ImapUpdate
{
  gboolean may_expunge;   /* FALSE: nothing is reported while messages have vanished (RFC 3501 7.4.1) */
  gboolean uses_vanished; /* VANISHED in place of EXPUNGE (RFC 7162 3.2.10) */
  guint items;            /* items of a FETCH response: IMAP_FETCH_UID, _FLAGS, _MODSEQ */
  /* UIDs whose flags are reported elsewhere, as they are up to a mod-sequence. */
  const SatchelUidSet *answered;
  guint64 answered_modseq;
  gboolean puts_off_flags; /* if flags are all that changed, nothing is reported now */
} ImapUpdate;

typedef enum
{
  IMAP_UPDATE_NONE = 0,
  IMAP_UPDATE_EXPUNGES,
  IMAP_UPDATE_COUNTS,
  IMAP_UPDATE_FLAGS
} ImapUpdatePhase;

typedef struct ImapView
{
  SatchelMailbox *mailbox;
  SatchelMailboxWatch *watch;
  gboolean is_read_only; /* EXAMINE, or no right to change anything */
  /* \Recent is told; with IMAP4rev2 it is not, and left to others (RFC 9051, Appendix E 12). */
  gboolean has_recent;
  SatchelSnapshot *snapshot; /* NULL at rest; then the four below hold */
  SatchelUidSet uids;
  guint64 modseq;
  guint32 uidnext, n_messages;
  guint64 told_keywords; /* a digest of the names that the client knows */
  SatchelUidSet recent;  /* UIDs that are \Recent in this session */
  /* UIDs that "$" stands for (RFC 5182); those that vanish drop out, since no UID comes twice. */
  SatchelUidSet saved;
  GArray *own; /* ImapOwnChange */
  /* The snapshot was made of UIDs after a rest: its flags are newer than what the client knows. */
  gboolean is_rebuilt;
  gboolean is_held;       /* messages have vanished that could not be told yet */
  gboolean told_expunges; /* expunges were reported since the last tagged answer */
  /* An update that is being reported. */
  ImapUpdatePhase phase;
  SatchelSnapshot *after;
  SatchelDifference difference;
  /* Keywords that are others in `after` than in what the client knows; NULL: not compared yet. */
  SatchelKeywordSet *renamed;
  guint32 *ranks; /* at rest: messages before each range of uids */
  guint at_range;
  guint32 at_uid, at_changed;
} ImapView;

ImapView *imap_view_new (SatchelMailbox *mailbox, SatchelSnapshot *snapshot, gboolean is_read_only,
                         gboolean has_recent);
void imap_view_free (ImapView *view);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ImapView, imap_view_free)

/* Says whether anything has changed that the client does not know. It is cheap. */
gboolean imap_view_is_behind (const ImapView *view);
/* Returns the mod-sequence up to which the client knows every change. */
guint64 imap_view_modseq (const ImapView *view);
/* Reports what changed, as far as it may.  Resumable, with the same @update. */
ImapStep imap_view_update (ImapView *view, ImapWriter *writer, const ImapUpdate *update, gboolean may_block);
/* Says whether imap_view_claim_recent would find something. */
static inline gboolean
imap_view_can_claim (const ImapView *view, const SatchelMailboxState *state)
{
  return view->has_recent && state->first_recent_uid < state->uidnext;
}
/* Claims \Recent of messages below @uidnext for this session, or without claiming looks (read-only). */
gboolean imap_view_claim_recent (ImapView *view, const SatchelMailboxState *state, GError **error);
/* Makes the view report no \Recent from now on. */
void imap_view_forget_recent (ImapView *view);
/* Writes "* n EXISTS", and "* n RECENT" where that is reported. */
void imap_view_tell_size (const ImapView *view, ImapWriter *writer);
static inline gboolean
imap_view_is_recent (const ImapView *view, guint32 uid)
{
  return view->recent.n_ranges > 0 && satchel_uid_set_contains (&view->recent, uid);
}
/* Releases the snapshot.  The next update takes one again; a message that vanished meanwhile and cannot be
 * reported yet keeps its sequence number, as a row without content. */
void imap_view_rest (ImapView *view);
/* Remembers a change made by this session.  @keywords is copied. */
void imap_view_add_own (ImapView *view, guint64 modseq, SatchelFlagsMode mode, guint32 flags,
                        char *const *keywords);
/* It is called when a command failed: the update reports what it changed all the same. */
void imap_view_forget_own (ImapView *view);

/* Returns bits of those of @keywords (NULL-ended or NULL) that @snapshot knows. */
SatchelKeywordSet imap_view_keyword_bits (const SatchelSnapshot *snapshot, char *const *keywords);
/* FLAGS and PERMANENTFLAGS when @snapshot has keywords that the client has not heard of (RFC 3501 7.2.6). */
void imap_view_tell_keywords (ImapView *view, ImapWriter *writer, const SatchelSnapshot *snapshot);
/* Tells PERMANENTFLAGS: the flags that the client's rights and the mailbox allow to change. */
void imap_view_tell_permanent_flags (const ImapView *view, ImapWriter *writer,
                                     const SatchelSnapshot *snapshot);
/* Finds the messages that a command names, as sequence numbers of the view (1-based ranges). FALSE means that
 * a number is too high. */
gboolean imap_view_rows (ImapView *view, const ImapSequence *sequence, gboolean is_uid,
                         SatchelUidSet *ret_rows);
/* Gives the UIDs of those rows. */
void imap_view_uids (const ImapView *view, const SatchelUidSet *rows, SatchelUidSet *ret_uids);
/* Writes "* 3 FETCH (UID 5 FLAGS (\Seen) MODSEQ (7))" of a message of @snapshot.  @items: IMAP_FETCH_UID,
 * _FLAGS, _MODSEQ. */
void imap_view_write_fetch (const ImapView *view, ImapWriter *writer, ImapFlagsMemo *memo, guint32 sequence,
                            const SatchelSnapshot *snapshot, const SatchelChunk *chunk, guint row,
                            guint items);
/* Writes "(\Seen ...)" of a message of @snapshot. */
void imap_view_write_flags (const ImapView *view, ImapWriter *writer, ImapFlagsMemo *memo,
                            const SatchelSnapshot *snapshot, const SatchelChunk *chunk, guint row);
