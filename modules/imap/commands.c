/* SPDX-License-Identifier: MIT
 * Runs the command table (RFC 3501 6 and the extensions): states, flags, parse and run. Entry:
 * imap_begin_session.
 */
#include "imap_session.h"

#define NONE imap_parse_none, NULL, 0
#define MAILBOX imap_parse_mailbox, imap_mailbox_arguments_clear, sizeof (ImapMailboxArguments)
#define SET_QUOTA imap_parse_set_quota, imap_mailbox_arguments_clear, sizeof (ImapMailboxArguments)
#define CREATE imap_parse_create, imap_mailbox_arguments_clear, sizeof (ImapMailboxArguments)
#define TWO_MAILBOXES imap_parse_two_mailboxes, imap_mailbox_arguments_clear, sizeof (ImapMailboxArguments)
#define SELECT imap_parse_select, imap_select_arguments_clear, sizeof (ImapSelectArguments)
#define LIST imap_parse_list, imap_list_arguments_clear, sizeof (ImapListArguments)
#define LSUB imap_parse_lsub, imap_list_arguments_clear, sizeof (ImapListArguments)
#define XLIST imap_parse_xlist, imap_list_arguments_clear, sizeof (ImapListArguments)
#define STATUS imap_parse_status, imap_status_arguments_clear, sizeof (ImapStatusArguments)
#define APPEND imap_parse_append, imap_append_arguments_clear, sizeof (ImapAppendArguments)
#define REPLACE imap_parse_replace, imap_append_arguments_clear, sizeof (ImapAppendArguments)
#define SET imap_parse_set, imap_set_arguments_clear, sizeof (ImapSetArguments)
#define COPY imap_parse_copy, imap_set_arguments_clear, sizeof (ImapSetArguments)
#define STORE imap_parse_store, imap_store_arguments_clear, sizeof (ImapStoreArguments)
#define FETCH imap_parse_fetch, imap_fetch_arguments_clear, sizeof (ImapFetchArguments)
#define SEARCH imap_parse_search, imap_search_arguments_clear, sizeof (ImapSearchArguments)
#define SORT imap_parse_sort, imap_search_arguments_clear, sizeof (ImapSearchArguments)
#define THREAD imap_parse_thread, imap_search_arguments_clear, sizeof (ImapSearchArguments)
#define GET_METADATA imap_parse_get_metadata, imap_metadata_arguments_clear, sizeof (ImapMetadataArguments)
#define SET_METADATA imap_parse_set_metadata, imap_metadata_arguments_clear, sizeof (ImapMetadataArguments)
#define ENABLE imap_parse_enable, imap_list_of_names_clear, sizeof (ImapListOfNames)
#define ID imap_parse_id, imap_list_of_names_clear, sizeof (ImapListOfNames)

#define ANY IMAP_STATE_ANY
#define SELECTED IMAP_STATE_SELECTED
#define INLINE IMAP_COMMAND_INLINE
#define VIEW IMAP_COMMAND_NEEDS_VIEW
#define UID (IMAP_COMMAND_UID | IMAP_COMMAND_NEEDS_VIEW)
#define UID_ONLY (UID | IMAP_COMMAND_EXPUNGE_BEFORE)
#define NO_EXPUNGE IMAP_COMMAND_NO_EXPUNGE
#define NO_UPDATE IMAP_COMMAND_NO_UPDATE
#define WRITES IMAP_COMMAND_WRITES
#define UTF8 IMAP_COMMAND_TAKES_UTF8
#define SORTED IMAP_COMMAND_SORTED
#define NUMBERS IMAP_COMMAND_MAY_NAME_NUMBERS

/* The most frequent commands come first, since the search goes from the first row to the last. */
static const ImapCommandRow rows[] = {
  { "UID FETCH", SELECTED, INLINE | UID_ONLY, FETCH, imap_run_fetch, imap_note_answered },
  { "FETCH", SELECTED, INLINE | VIEW | NO_EXPUNGE, FETCH, imap_run_fetch, imap_note_answered },
  { "NOOP", ANY, INLINE, NONE, imap_run_noop },
  { "UID STORE", SELECTED, UID_ONLY, STORE, imap_run_store, imap_note_known },
  { "STORE", SELECTED, VIEW | NO_EXPUNGE, STORE, imap_run_store, imap_note_known },
  { "UID SEARCH", SELECTED, INLINE | UID | UTF8 | NUMBERS, SEARCH, imap_run_search },
  { "SEARCH", SELECTED, INLINE | VIEW | NO_EXPUNGE | UTF8 | NUMBERS, SEARCH, imap_run_search },
  { "UID SORT", SELECTED, UID | UTF8 | SORTED | NUMBERS, SORT, imap_run_search },
  { "SORT", SELECTED, VIEW | NO_EXPUNGE | UTF8 | SORTED | NUMBERS, SORT, imap_run_search },
  { "UID THREAD", SELECTED, UID | UTF8 | SORTED | NUMBERS, THREAD, imap_run_thread },
  { "THREAD", SELECTED, VIEW | NO_EXPUNGE | UTF8 | SORTED | NUMBERS, THREAD, imap_run_thread },
  { "IDLE", ANY, INLINE, NONE, imap_run_idle, .take_line = imap_idle_line },
  { "SELECT", ANY, INLINE | NO_UPDATE, SELECT, imap_run_select },
  { "EXAMINE", ANY, INLINE | NO_UPDATE | IMAP_COMMAND_READ_ONLY, SELECT, imap_run_select },
  { "STATUS", ANY, INLINE, STATUS, imap_run_status },
  { "LIST", ANY, INLINE, LIST, imap_run_list },
  { "LSUB", ANY, INLINE, LSUB, imap_run_lsub },
  { "XLIST", ANY, INLINE, XLIST, imap_run_list },
  { "APPEND", ANY, 0, APPEND, imap_run_append, .begin_literal = imap_append_begin },
  { "UID REPLACE", SELECTED, UID_ONLY | WRITES | IMAP_COMMAND_ONE_MESSAGE, REPLACE, imap_run_replace,
    .begin_literal = imap_append_begin },
  { "REPLACE", SELECTED, VIEW | WRITES | IMAP_COMMAND_ONE_MESSAGE, REPLACE, imap_run_replace,
    .begin_literal = imap_append_begin },
  { "UID COPY", SELECTED, UID_ONLY, COPY, imap_run_copy },
  { "COPY", SELECTED, VIEW, COPY, imap_run_copy },
  { "UID MOVE", SELECTED, UID_ONLY | WRITES, COPY, imap_run_move },
  { "MOVE", SELECTED, VIEW | WRITES, COPY, imap_run_move },
  { "UID EXPUNGE", SELECTED, UID_ONLY | WRITES, SET, imap_run_expunge },
  { "EXPUNGE", SELECTED, WRITES, NONE, imap_run_expunge },
  { "CHECK", SELECTED, INLINE, NONE, imap_run_check },
  { "CLOSE", SELECTED, NO_UPDATE, NONE, imap_run_close },
  { "UNSELECT", SELECTED, INLINE | NO_UPDATE, NONE, imap_run_unselect },
  { "CREATE", ANY, 0, CREATE, imap_run_create },
  { "DELETE", ANY, 0, MAILBOX, imap_run_delete, .succeeded = imap_announce_deleted },
  { "RENAME", ANY, 0, TWO_MAILBOXES, imap_run_rename, .succeeded = imap_announce_renamed },
  /* MYRIGHTS has no capability: ACL would promise SETACL and GETACL too (decision 0045). */
  { "MYRIGHTS", ANY, INLINE, MAILBOX, imap_run_myrights },
  { "SUBSCRIBE", ANY, 0, MAILBOX, imap_run_subscribe },
  { "UNSUBSCRIBE", ANY, 0, MAILBOX, imap_run_unsubscribe },
  { "CAPABILITY", ANY, INLINE, NONE, imap_run_capability },
  { "NAMESPACE", ANY, INLINE, NONE, imap_run_namespace },
  { "ID", ANY, INLINE | UTF8, ID, imap_run_id },
  { "ENABLE", ANY, INLINE, ENABLE, imap_run_enable },
  { "GETMETADATA", ANY, 0, GET_METADATA, imap_run_get_metadata },
  { "SETMETADATA", ANY, 0, SET_METADATA, imap_run_set_metadata },
  { "GETQUOTAROOT", ANY, 0, MAILBOX, imap_run_get_quota_root },
  { "GETQUOTA", ANY, 0, MAILBOX, imap_run_get_quota },
  { "SETQUOTA", ANY, INLINE, SET_QUOTA, imap_run_set_quota },
  { "COMPRESS", ANY, INLINE | NO_UPDATE, imap_parse_compress, NULL, 0, imap_run_compress },
  { "LOGOUT", ANY, INLINE | NO_UPDATE, NONE, imap_run_logout },
  /* The state before login has these commands (RFC 3501 6.2).  They are never run; they are named here so
   * that their refusal says so. */
  { "LOGIN" },
  { "AUTHENTICATE" },
  { "STARTTLS" },
  { NULL },
};

gpointer
imap_begin_session (SatchelSession *session, const void *note, gsize len)
{
  return imap_session_new (session, rows, note, len);
}
