/* SPDX-License-Identifier: MIT
 * Code that SEARCH, SORT and THREAD share: it finds messages, and reports or saves their numbers. Role
 * mail. Entry: imap_search_run; then imap_result_* (SEARCH, SORT) or cmd_thread.c.
 */
#pragma once
#include "imap_session.h"
#include <satchel/attributes.h>

#define IMAP_SEARCH_BATCH 128u
#define IMAP_SEARCH_BLOCKING_COST 10u /* keys from here on need attributes */

typedef struct ImapSearch
{
  SatchelSnapshot *snapshot; /* newest; numbers are those of the view */
  gint64 now;                /* seconds: what OLDER and YOUNGER count from */
  guint32 at;                /* index in the view */
  SatchelUidSet rows;        /* found: sequence numbers */
  guint64 highest_modseq;    /* highest mod-sequence of the messages that were found */
  gboolean is_blocking;      /* some key needs more than the snapshot */
  guint32 not_kept;          /* bit k: the mailbox has no room for keys of kind k */
  gboolean wants_dates;      /* imap_search_run finds all internal dates first */
  gboolean has_locked;       /* a message was there to look at, and this session has no key for it */
  /* A batch of attributes is kept here: */
  guint32 batch_start, n_batch;
  guint32 batch_uids[IMAP_SEARCH_BATCH];
  GBytes *batch_attributes[IMAP_SEARCH_BATCH];
  SatchelErrorCode batch_codes[IMAP_SEARCH_BATCH];
} ImapSearch;

/* Keys are tested against one message at a time. */
typedef struct ImapSubject
{
  ImapSession *session;
  ImapSearch *search;
  guint32 sequence;
  const SatchelChunk *chunk; /* newest columns */
  guint row;
  SatchelStream *content;
  gboolean is_gone; /* it cannot be looked at: whatever was said of it does not count */
} ImapSubject;

/* search_rows.c has these. */
void imap_search_free (ImapSearch *search);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ImapSearch, imap_search_free)
/* Returns the newest columns of the message at @index of the view. */
const SatchelChunk *imap_search_row (const ImapSession *session, const ImapSearch *search, guint32 index,
                                     guint *ret_row);
guint32 imap_search_uid (const ImapSession *session, guint32 index);
/* Returns the sequence numbers found, one by one; yours. */
guint32 *imap_search_list (const ImapSearch *search, guint32 *ret_n);
/* Returns attributes of the message at @index of the view, read in batches; NULL means that it has gone, or
 * is locked, which is noted.  [blocks] */
GBytes *imap_search_attributes (ImapSession *session, ImapSearch *search, guint32 index);
/* Frees the batch of attributes. */
void imap_search_clear_batch (ImapSearch *search);
/* Notes those of @codes (satchel_mailbox_keys) that say LOCKED. */
void imap_search_note_locked (ImapSearch *search, const SatchelErrorCode *codes, guint n);

/* search_key.c has these. */
gboolean imap_search_asks_date (ImapKeyKind kind);
/* Resolves sets, names, charsets and times of the tree, and sorts it by cost. */
gboolean imap_search_prepare (const ImapSession *session, const ImapSearch *search, ImapSearchKey *key,
                              const char *charset, GError **error);
gboolean imap_search_test (ImapSubject *subject, const ImapSearchKey *key);

/* search.c has these. */
/* Begins a search (*search is NULL) or goes on with it.  TRUE means that it is done, see rows.  FALSE: the
 * command returns *ret_step, and has its answer if that is DONE. */
gboolean imap_search_run (ImapSession *session, ImapCommand *command, ImapSearch **search, gboolean may_block,
                          ImapStep *ret_step);
/* Returns the tagged answer once all results are reported: OK, or NO where messages are locked, since it is
 * unknown whether they match, or where they belong. */
ImapStep imap_search_end (ImapSession *session, ImapCommand *command, const ImapSearch *search,
                          const char *text);
/* Returns the tagged answer to an error: of INVALID BAD.  A search that should have been saved and is
 * answered with NO leaves "$" empty (RFC 5182 2.1). */
ImapStep imap_search_fail (ImapSession *session, ImapCommand *command, const GError *error);

/* search_result.c has the numbers to tell, in order, as runs of consecutive ones. */
typedef struct ImapResult
{
  SatchelRange *ranges;
  guint n_ranges;
  guint64 modseq; /* mod-sequence that the response has; 0: none */
  gboolean is_started;
  guint at_range; /* index of the next range that is reported */
  guint64 at_number;
} ImapResult;
void imap_result_clear (ImapResult *result);
/* Sets the messages that were found, in the order of the mailbox. */
void imap_result_set_found (ImapResult *result, ImapSession *session, const ImapCommand *command,
                            const ImapSearch *search);
/* sort.c has those found, sorted.  FALSE with @error: CANCELLED, or the store failed.  [blocks] */
gboolean imap_result_set_sorted (ImapResult *result, ImapSession *session, const ImapCommand *command,
                                 ImapSearch *search, GError **error);
/* Sets the mod-sequence that the answer tells, for criteria that name MODSEQ (RFC 7162 3.1.6, RFC 4731
 * 3.2). */
void imap_result_set_modseq (ImapResult *result, ImapSession *session, const ImapCommand *command,
                             const ImapSearch *search, guint returns);
/* Sets what "$" stands for (RFC 5182 2.4).  FALSE means that the result is too large to keep; "$" is empty
 * then. */
gboolean imap_result_save (const ImapResult *result, ImapSession *session, const ImapCommand *command,
                           const ImapSearch *search, guint returns);
/* Writes a SEARCH response, "* SEARCH 1 2" (@name), or with @returns an ESEARCH response (RFC 4731). It can
 * go on where it stopped. */
ImapStep imap_result_tell (ImapResult *result, ImapSession *session, const ImapCommand *command,
                           const char *name, guint returns);
