/* SPDX-License-Identifier: MIT
 * Reports what a client missed while it was away: removed UIDs and changed messages since a mod-sequence
 * (RFC 7162 3.1.4.1, 3.2.5, 3.2.6). The work grows with the changes: chunks without any are skipped.
 */
#pragma once
#include "view/view.h"

/* UIDs of @wanted above @known_upto that were removed after @modseq, seen from the view: what it shows, and
 * what was not there yet, is not among them.  [blocks] */
gboolean imap_resync_vanished (const ImapView *view, guint64 modseq, const SatchelUidSet *wanted,
                               guint32 known_upto, SatchelUidSet *ret_uids, GError **error);
/* Finds the rows of the view, among @rows, whose messages @newest (the view's snapshot or a newer one) shows
 * changed after @modseq. */
void imap_resync_changed (const ImapView *view, const SatchelSnapshot *newest, guint64 modseq,
                          const SatchelUidSet *rows, SatchelUidSet *ret_rows);
/* Returns the highest UID for which the client's sample of numbers and UIDs fits the view; 0: none (RFC 7162
 * 3.2.5.2). */
guint32 imap_resync_match (const ImapView *view, const ImapSequence *numbers, const ImapSequence *uids);

/* Says how far an answer has been sent. */
typedef struct ImapResync
{
  SatchelUidSet vanished, rows;
  guint at_vanished, at_range;
  guint32 at; /* sequence number, 0: the range's first */
} ImapResync;
void imap_resync_clear (ImapResync *resync);
/* Writes VANISHED (EARLIER) lines.  FALSE means that the output is full, call again. */
gboolean imap_resync_tell_vanished (ImapResync *resync, ImapWriter *writer);
/* Writes FETCH answers of the rows with UID, FLAGS and MODSEQ. FALSE means that the output is full: call
 * again. */
gboolean imap_resync_tell_rows (ImapResync *resync, const ImapView *view, ImapWriter *writer);
