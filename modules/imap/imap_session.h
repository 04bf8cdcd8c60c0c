/* SPDX-License-Identifier: MIT
 * Declares one IMAP session after login, and the command it runs. Role mail. A session runs one command at a
 * time, on the main thread or in a job; while a job runs, the main thread leaves the session alone.
 */
#pragma once
#include "grammar/arguments.h"
#include "errors.h"
#include "settings.h"
#include "view/view.h"
#include <satchel/log.h>
#include <satchel/mailbox_name.h>
#include <satchel/protocol.h>
#include <satchel/reactor.h>

typedef struct ImapSession ImapSession;
typedef struct ImapCommand ImapCommand;

enum
{
  IMAP_STATE_AUTHENTICATED = 1 << 0,
  IMAP_STATE_SELECTED = 1 << 1,
  IMAP_STATE_ANY = IMAP_STATE_AUTHENTICATED | IMAP_STATE_SELECTED
};

/* The engine treats a command by these facts, one of which is the kind of its arguments. */
enum
{
  IMAP_COMMAND_INLINE = 1 << 0,     /* its first call is made in the main thread */
  IMAP_COMMAND_UID = 1 << 1,        /* numbers are UIDs, and answers name them */
  IMAP_COMMAND_NEEDS_VIEW = 1 << 2, /* the view is brought up to date before it runs */
  /* EXPUNGEs are reported before it as well, since it names no sequence numbers */
  IMAP_COMMAND_EXPUNGE_BEFORE = 1 << 3,
  /* no EXPUNGE may be reported for it, as for FETCH, STORE and SEARCH (RFC 3501 7.4.1) */
  IMAP_COMMAND_NO_EXPUNGE = 1 << 4,
  IMAP_COMMAND_NO_UPDATE = 1 << 5, /* no changes of the mailbox are reported at its end */
  IMAP_COMMAND_WRITES = 1 << 6,    /* it is refused after EXAMINE (STORE itself sees to that) */
  /* its quoted strings may have UTF-8 even before ENABLE: texts to search for, ID */
  IMAP_COMMAND_TAKES_UTF8 = 1 << 7,
  IMAP_COMMAND_ONE_MESSAGE = 1 << 8, /* of commands that take content: it takes one message (REPLACE) */
  IMAP_COMMAND_SORTED = 1 << 9,      /* the order of its results needs dates (SORT, THREAD) */
  /* Its arguments are ImapSearchArguments: if they name sequence numbers, no EXPUNGE follows (RFC 7162
   * 3.2.10.2). */
  IMAP_COMMAND_MAY_NAME_NUMBERS = 1 << 10,
  IMAP_COMMAND_READ_ONLY = 1 << 11 /* the mailbox is opened read-only (EXAMINE) */
};

typedef struct ImapCommandRow
{
  const char *name; /* "FETCH", "UID FETCH" */
  guint states;     /* states in which the command is allowed */
  guint flags;
  gboolean (*parse) (ImapReader *reader, gpointer arguments);
  void (*clear) (gpointer arguments);
  gsize arguments_size;
  /* It is called until it returns DONE, and returns BLOCK only if @may_block is FALSE. */
  ImapStep (*run) (ImapSession *session, ImapCommand *command, gboolean may_block);
  /* It is called before the view is brought up to date, each time that is tried.  NULL means that there is
   * nothing to note. */
  void (*prepare) (ImapSession *session, ImapCommand *command);
  /* Called on the main thread, once the command has been answered with OK. NULL means that there is nothing
   * to do. */
  void (*succeeded) (ImapSession *session, ImapCommand *command);
  /* Is called when a literal begins in the command, which is not complete yet. FALSE means that it is an
   * argument. Otherwise it is content: it was refused, or its bytes go to incoming.take, now or after a job.
   * NULL means that all are arguments. */
  gboolean (*begin_literal) (ImapSession *session, const struct ImapCommandRow *row);
  /* Is called when a line came while the command waits; then it runs on. NULL means that it never waits. */
  void (*take_line) (ImapSession *session, ImapCommand *command, const char *line);
} ImapCommandRow;

/* The client has enabled these extensions (RFC 5161), or turned them on by using them (RFC 7162 3.1). QRESYNC
 * implies CONDSTORE. */
enum
{
  IMAP_ENABLED_CONDSTORE = 1 << 0,
  IMAP_ENABLED_QRESYNC = 1 << 1,
  IMAP_ENABLED_UTF8 = 1 << 2, /* RFC 6855 */
  IMAP_ENABLED_REV2 = 1 << 3  /* RFC 9051 6.3.1 */
};

typedef enum
{
  IMAP_PHASE_PREPARE = 0, /* brings the view up to date */
  IMAP_PHASE_RUN,
  IMAP_PHASE_UPDATE, /* reports what has changed meanwhile */
  IMAP_PHASE_REPLY,
  IMAP_PHASE_END
} ImapPhase;

/* Work for the main thread once a command has been answered. */
enum
{
  IMAP_END_UNSELECT = 1 << 0, /* ends SELECTED: watches of a mailbox are removed there only */
  IMAP_END_COMPRESS = 1 << 1, /* all that follows is compressed (RFC 4978 3) */
  IMAP_END_CLOSE = 1 << 2
};

typedef enum
{
  IMAP_OK = 0,
  IMAP_NO,
  IMAP_BAD
} ImapStatus;

struct ImapCommand
{
  const ImapCommandRow *row;
  char *tag;
  gpointer arguments;
  ImapPhase phase;
  gpointer state; /* state of `run` between its calls */
  GDestroyNotify state_free;
  /* UIDs whose flags the command reports itself, as they are up to a mod-sequence. */
  SatchelUidSet answered;
  guint64 answered_modseq;
  gboolean puts_off_flags; /* the update before it may leave flags to the update after it */
  /* for STORE: what the client knew before it */
  guint64 known_modseq;
  SatchelSnapshot *known; /* snapshot of that time, for a STORE with a condition; or NULL */
  ImapStatus status;
  char *code;       /* response code without brackets, or NULL */
  const char *text; /* static */
  guint at_end;     /* IMAP_END_* */
};

/* Content of APPEND and REPLACE is on its way in. */
typedef struct ImapIncoming
{
  char *name;        /* name of the destination, as the client wrote it */
  gboolean is_found; /* the destination was there when it was looked for */
  /* Takes bytes of the literal that is coming; NULL means that none is. */
  void (*take) (ImapSession *session, const guint8 *data, gsize len);
  gboolean is_binary;  /* the literal that comes is a literal8 */
  guint64 left;        /* bytes of it that are still to come */
  guint at;            /* node of the lexer at which the message that is coming begins; 0: none has begun */
  guint at_part;       /* how many of its parts have come, or are coming */
  guint64 size, total; /* bytes of that message; bytes of all messages */
  GByteArray *buffer;  /* bytes of that message that are not in the stage yet */
  SatchelStage *stage; /* NULL while all of it fits in the buffer */
  GPtrArray *stages;   /* stages of the messages that are complete */
  ImapAppendArguments ahead; /* as they were when the last literal began */
  char *code;                /* response code of the answer NO */
  const char *text;          /* text of the answer NO; not NULL: the rest of the content is thrown away */
} ImapIncoming;

/* Says what a session is at.  The main thread alone changes it (imap_session_set_state).
 *
 *   state     a command   input is read      goes on when
 *   READING   none        as commands        input comes: RUNNING when a command is complete
 *   RUNNING   runs        no                 its step ends, or the output that filled up has drained
 *   IN_JOB    may run     no                 the job ends: RUNNING with a command, READING without one
 *   DEFERRED  runs        no                 others had their turn: RUNNING
 *   WAITING   IDLE        as lines           the mailbox changes, or a line comes: RUNNING
 *   CLOSING   any         no                 never: the connection closes or has closed
 *
 * A job that runs while the session comes to CLOSING runs on to its end; nothing of it is looked at. */
typedef enum
{
  IMAP_SESSION_READING = 0,
  IMAP_SESSION_RUNNING,
  IMAP_SESSION_IN_JOB,
  IMAP_SESSION_DEFERRED,
  IMAP_SESSION_WAITING,
  IMAP_SESSION_CLOSING
} ImapSessionState;

struct ImapSession
{
  guint refs;
  ImapSessionState state;
  const ImapCommandRow *commands; /* ends with a row without a name */
  void (*job) (ImapSession *session), (*after_job) (ImapSession *session); /* set while IN_JOB */
  SatchelSession *session;
  SatchelConnection *connection; /* NULL: the connection is closed */
  SatchelStore *store;           /* borrowed */
  ImapSettings settings;
  SatchelNamespace ns;
  ImapLexer lexer;
  ImapWriter writer;
  ImapLine line;
  ImapView *view; /* NULL: nothing is selected */
  ImapCommand *command;
  ImapIncoming incoming;
  char *login_tag;
  GError *login_error;
  ImapStep job_step;   /* result of the step that runs in the job */
  gboolean is_reading; /* imap_session_read is running, and what it calls may call it again */
  gboolean is_broken;  /* an announced literal came short: the connection must end */
  /* A literal was refused: this is the answer in place of BAD. */
  ImapStatus refusal_status;
  const char *refusal_code;
  guint n_bad;
  guint enabled;          /* IMAP_ENABLED_* */
  gboolean is_compressed; /* COMPRESS was answered with OK */
  gboolean sent_id;
  GPtrArray *renames; /* renames that this session has not reported (renames.c); NULL: none */
  /* names of storage that were levels above deleted mailboxes (cmd_mailbox.c); or NULL */
  GPtrArray *vanished_levels;
  SatchelTimer keepalive_timer, rest_timer;
};

/* Says whether mailbox names and quoted strings are UTF-8 in both directions (RFC 6855 3, RFC 9051 4.3,
 * 5.1). */
static inline gboolean
imap_session_is_utf8 (const ImapSession *session)
{
  return (session->enabled & (IMAP_ENABLED_UTF8 | IMAP_ENABLED_REV2)) != 0;
}
/* Says whether the client speaks IMAP4rev2 (RFC 9051 6.3.1). */
static inline gboolean
imap_session_is_rev2 (const ImapSession *session)
{
  return (session->enabled & IMAP_ENABLED_REV2) != 0;
}
/* names.c makes the text of a client's mailbox name or pattern in UTF-8, yours; NULL: badly written. */
char *imap_name_decode (const ImapSession *session, const char *name);
/* Returns a client's mailbox name as storage knows it.  Errors: INVALID, CANNOT. */
char *imap_name_to_internal (const ImapSession *session, const char *name, GError **error);
/* Returns a name as clients see it, in UTF-8. */
char *imap_name_to_client (const ImapSession *session, const char *name);
/* Returns what the client wrote, @supplied, in UTF-8, if IMAP4rev2 is on and storage's @name is shown in
 * another way (RFC 9051 6.3.9.7); else NULL.  Yours. */
char *imap_name_denormalised (const ImapSession *session, const char *supplied, const char *name);
/* Returns the open mailbox of a client's name.  NULL with @error; NULL without: it would block. */
SatchelMailbox *imap_name_open (ImapSession *session, const char *name, gboolean may_block, GError **error);

/* Functions follow from the lowest file to the highest: each file calls those of files above it in this list
 * only (tools/check-rings).
 *
 * output.c has these. */
void imap_session_set_state (ImapSession *session, ImapSessionState state);
gboolean imap_session_is_cancelled (ImapSession *session);
/* Sends what the writer has; output after the goodbye is dropped.  Main thread only. */
void imap_session_flush (ImapSession *session);
/* Ends the connection once all output is sent. */
void imap_session_close (ImapSession *session);
/* Says "* BYE ..." and no more. */
void imap_session_bye (ImapSession *session, const char *text);

/* timers.c arms those that are due while a session waits for its client. */
void imap_session_arm_timers (ImapSession *session);

/* selected.c has these. */
/* Ends SELECTED without a word to the client. */
void imap_session_unselect (ImapSession *session);
void imap_session_set_view (ImapSession *session, ImapView *view);
/* Remembers what the client has turned on.  The first command that enables CONDSTORE gets HIGHESTMODSEQ of
 * the selected mailbox (RFC 7162 3.1). */
void imap_session_enable (ImapSession *session, guint bits);
/* Returns the IMAP_FETCH_* items that FETCH responses have which the client did not ask for: UID and MODSEQ
 * once CONDSTORE is enabled (RFC 7162 3.2.4); else UID in IMAP4rev2 (RFC 9051 7.5.2), and 0 in IMAP4rev1. */
guint imap_session_unsolicited_items (const ImapSession *session);
/* Reports the changes of the mailbox, as far as they may be reported now. */
ImapStep imap_session_update_view (ImapSession *session, gboolean may_expunge, gboolean may_block);

/* replies.c has these. */
/* Each sets the tagged answer and returns DONE.  @code may be NULL; @text is static. */
ImapStep imap_command_ok (ImapCommand *command, const char *text);
ImapStep imap_command_no (ImapCommand *command, const char *code, const char *text);
ImapStep imap_command_bad (ImapCommand *command, const char *text);
/* Answers by error code; logs an error that is the server's trouble. */
ImapStep imap_command_error (ImapSession *session, ImapCommand *command, const GError *error);
/* Does the same for the destination of messages: if the name could be created, the client gets a hint (RFC
 * 3501 6.4.7). */
ImapStep imap_command_destination_error (ImapSession *session, ImapCommand *command, const GError *error);
/* Writes the tagged answer. */
void imap_command_write_reply (ImapSession *session, ImapCommand *command);
void imap_command_free (ImapCommand *command);
/* Writes "IMAP4rev1 LITERAL+ ...": what is offered after login, with what the user's storage has. */
void imap_session_write_capabilities (ImapSession *session);

/* list_response.c writes a LIST response for storage's @name with what is true of it by @infos; @old_name,
 * UTF-8 as clients see names, is OLDNAME, or NULL. */
void imap_list_tell (ImapSession *session, const GPtrArray *infos, const char *name, const char *old_name);

/* renames.c has these: a session hears of renames between join and leave.  Main thread. */
void imap_renames_join (ImapSession *session);
void imap_renames_leave (ImapSession *session);
/* Notes a rename for all other sessions of the user, which it returns, borrowed, in an array of yours; names
 * are those of storage.  Main thread. */
GPtrArray *imap_renames_add (ImapSession *session, const char *from, const char *to);
/* Forgets the renames to storage's @name that wait: a mailbox that has the name later is another one.  Main
 * thread. */
void imap_renames_forget (ImapSession *session, const char *name);
/* Reports what other sessions have renamed.  DONE or BLOCK. */
ImapStep imap_renames_tell (ImapSession *session, gboolean may_block);

/* incoming.c has these. */
void imap_incoming_clear (ImapIncoming *incoming);
/* These make the command fail, and return FALSE; the client gets the first reason.  @error is taken over. */
gboolean imap_incoming_fail (ImapIncoming *incoming, const char *code, const char *text);
gboolean imap_incoming_fail_error (ImapSession *session, GError *error);
/* Counts @more bytes of the message that is coming before they arrive.  FALSE means that there are too many.
 */
gboolean imap_incoming_add_size (ImapSession *session, guint64 more);
/* Writes the buffer to the stage.  [blocks] */
gboolean imap_incoming_write_buffer (ImapSession *session);
/* Adds bytes that come from elsewhere. [blocks] */
gboolean imap_incoming_write (ImapSession *session, const void *data, gsize len);
/* Completes @message. [blocks] */
gboolean imap_incoming_finish_message (ImapSession *session, const ImapAppendMessage *message);

/* input.c has these. */
typedef enum
{
  IMAP_INPUT_NONE = 0, /* nothing can be done until more comes */
  IMAP_INPUT_MORE,     /* some input was used, and there may be more */
  IMAP_INPUT_RUN       /* session->command is complete, or has its line, and runs now */
} ImapInput;
/* Reads one piece of input: of a command, of content, or of a line for the command that waits. */
ImapInput imap_input_read (ImapSession *session);
/* Writes "+ OK" if the client waits for it and the literal was not refused. */
void imap_ask_for_literal (ImapSession *session);

/* steps.c has these. */
void imap_session_unref (ImapSession *session);
/* Makes commands of input and runs them, as far as there is input and room for output. */
void imap_session_read (ImapSession *session);
/* Runs the command as far as it can: after a change of the mailbox, a line of IDLE, a drained connection. */
void imap_session_advance (ImapSession *session);
/* Runs @func in a job and then, unless the session is closing by then, @after on the main thread (NULL:
 * nothing); then reads on. */
void imap_session_run_job (ImapSession *session, const char *name, void (*func) (ImapSession *session),
                           void (*after) (ImapSession *session));

/* imap_session.c has these.  @note: the tag of LOGIN or AUTHENTICATE. */
gpointer imap_session_new (SatchelSession *session, const ImapCommandRow *commands, const void *note,
                           gsize len);
extern const SatchelConnectionHandlers imap_session_handlers;

/* announce.c has these. */
/* Announces a rename to all other sessions of the user; names are those of storage. Main thread. */
void imap_announce_rename (ImapSession *session, const char *from, const char *to);
/* Announces, with IMAP4rev2, that storage's @name is not shown as the client wrote it (@supplied). [blocks]
 */
void imap_announce_supplied (ImapSession *session, const char *supplied, const char *name);
/* Does the same for a RENAME (RFC 9051 6.3.6); nothing is announced about normal names. [blocks] */
void imap_announce_own_rename (ImapSession *session, const ImapMailboxArguments *arguments, const char *from,
                               const char *to);

/* catenate.c adds what a URL names to the message under way. [blocks] */
gboolean imap_catenate (ImapSession *session, const char *url);

/* cmd_metadata.c finds, for mailboxes that go, what has the annotations of storage's @name, yours, before
 * DELETE; NULL means that it has none.  [blocks] */
char *imap_metadata_of (ImapSession *session, const char *name);
/* Removes annotations after DELETE. @annotations NULL: there is nothing to remove. [blocks] */
void imap_metadata_remove (ImapSession *session, const char *annotations);
/* Copies annotations after RENAME of INBOX, so that both mailboxes have those of @from (RFC 5464 4.1).
 * [blocks] */
void imap_metadata_copy (ImapSession *session, const char *from, const char *to);

/* Each command is run by one of these. */
typedef ImapStep ImapRunFunc (ImapSession *session, ImapCommand *command, gboolean may_block);
ImapRunFunc imap_run_capability, imap_run_noop, imap_run_logout, imap_run_id, imap_run_enable,
    imap_run_namespace, imap_run_compress;
ImapRunFunc imap_run_select, imap_run_check, imap_run_close, imap_run_unselect, imap_run_idle;
ImapRunFunc imap_run_create, imap_run_delete, imap_run_rename, imap_run_myrights, imap_run_subscribe,
    imap_run_unsubscribe;
ImapRunFunc imap_run_list, imap_run_lsub, imap_run_status;
ImapRunFunc imap_run_append, imap_run_replace, imap_run_copy, imap_run_move, imap_run_expunge, imap_run_store;
ImapRunFunc imap_run_get_metadata, imap_run_set_metadata;
ImapRunFunc imap_run_get_quota, imap_run_get_quota_root, imap_run_set_quota;
ImapRunFunc imap_run_fetch, imap_run_search, imap_run_thread;
/* Command rows have functions of this kind beside `run`. */
typedef void ImapCommandFunc (ImapSession *session, ImapCommand *command);
/* fetch.c and cmd_store.c have these as `prepare`. */
ImapCommandFunc imap_note_answered, imap_note_known;
/* cmd_mailbox.c has this as `succeeded`. */
ImapCommandFunc imap_announce_deleted, imap_announce_renamed;
/* cmd_append.c has this as `begin_literal`, cmd_any.c the other as `take_line`. */
gboolean imap_append_begin (ImapSession *session, const ImapCommandRow *row);
void imap_idle_line (ImapSession *session, ImapCommand *command, const char *line);

/* commands.c begins a session with the table of all of them. */
gpointer imap_begin_session (SatchelSession *session, const void *note, gsize len);
