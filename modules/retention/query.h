/* SPDX-License-Identifier: MIT
 * Search keys of IMAP (RFC 3501 6.4.4), for messages that are kept.
 */
#pragma once
#include <satchel/config.h>
#include <satchel/storage.h>

typedef struct RetentionQuery RetentionQuery;
/* Reads keys with blanks between them: ALL, ANSWERED, BCC, BEFORE, BODY, CC, DRAFT, FLAGGED, FROM, HEADER,
 * KEYWORD, LARGER, NOT, ON, OR, SEEN, SENTBEFORE, SENTON, SENTSINCE, SINCE, SMALLER, SUBJECT, TEXT, TO,
 * UNANSWERED, UNDRAFT, UNFLAGGED, UNKEYWORD, UNSEEN, and groups in parentheses. Words with blanks stand in
 * double quotes. NULL with INVALID: @error says where. Yours. */
RetentionQuery *retention_query_new (const char *text, GError **error);
void retention_query_free (RetentionQuery *query);
/* Says whether message @row of @mailbox has what is asked for. FALSE: it cannot be read. [blocks] */
gboolean retention_query_matches (const RetentionQuery *query, SatchelMailbox *mailbox,
                                  const SatchelMessageRow *row, gboolean *ret_matches, GError **error);
