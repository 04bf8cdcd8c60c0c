/* SPDX-License-Identifier: MIT
 * Declares one POP3 session after login (RFC 1939 TRANSACTION and UPDATE), and is shared by the files of
 * this module.
 */
#pragma once
#include "capability.h"
#include "line.h"
#include "settings.h"
#include <satchel/attributes.h>
#include <satchel/downgrade.h>
#include <satchel/module.h>
#include <satchel/protocol.h>
#include <satchel/reactor.h>
#include <satchel/store.h>

typedef struct Pop3 Pop3;

/* A step of a long answer, which is called whenever there is room, has one of these results. */
typedef enum
{
  POP3_STEP_AGAIN = 0, /* the step has to be called again */
  POP3_STEP_JOB,       /* a job runs; it calls pop3_continue or pop3_ready */
  POP3_STEP_DONE
} Pop3StepResult;
typedef Pop3StepResult (*Pop3Step) (Pop3 *pop3);

/* Says whether another try is of use after an error. */
typedef enum
{
  POP3_ERROR_TEMPORARY = 0,
  POP3_ERROR_PERMANENT,
  POP3_ERROR_IN_USE /* the maildrop can be opened once another session has ended */
} Pop3Lasting;

/* What a session is at.  pop3_set_state alone changes it.
 *
 *   state      input is read  goes on when
 *   OPENING    no             the maildrop is open: READING
 *   READING    as commands    one of them is a long answer (ANSWERING) or QUIT (UPDATING)
 *   ANSWERING  no             the last piece is out (READING), or there is no room (FULL)
 *   FULL       no             output has drained: ANSWERING
 *   UPDATING   no             the UPDATE state is over: CLOSING
 *   CLOSING    no             never
 *
 * A job that runs while the session comes to CLOSING runs on to its end; nothing comes of it. */
typedef enum
{
  POP3_OPENING = 0,
  POP3_READING,
  POP3_ANSWERING,
  POP3_FULL,
  POP3_UPDATING,
  POP3_CLOSING
} Pop3State;

struct Pop3
{
  SatchelSession *session;
  SatchelConnection *connection;
  Pop3LineReader reader;
  Pop3Authorization authorization;
  Pop3Settings settings;
  Pop3State state;
  guint n_bad;

  /* The maildrop stays as it was at login (RFC 1939 5): message k is index k - 1. */
  SatchelStore *store;
  SatchelMailbox *mailbox;
  SatchelSnapshot *snapshot;
  gboolean is_locked;  /* this session holds the lock of the mailbox */
  gboolean has_waited; /* it has waited for the lock */
  SatchelTimer lock_timer;
  gint64 give_up_at; /* when it stops waiting for the lock, in monotonic microseconds */
  GError *error;     /* error of the last job */
  /* Octets that RETR sends where the snapshot says another number or none, else 0; NULL: nowhere. */
  guint64 *sizes;
  guint8 *surrogates; /* a bit for each message that is sent as a surrogate; NULL: there is none */
  /* unique ids of the store, NUL-ended, one after the other; NULL if it has none of its own */
  GString *uidls;
  guint32 *uidl_at; /* of each message: 1 + offset in `uidls`; 0: the session makes the id */
  guint8 *deleted;  /* a bit for each message that is marked as deleted; NULL: none */
  guint32 n_deleted;
  guint32 n_removed; /* messages removed in the UPDATE state */
  guint64 size_deleted;
  guint64 total_size;
  SatchelUidSet seen; /* messages that were retrieved, and are marked as \Seen at the end */

  /* A running answer has these: */
  Pop3Step step;
  guint32 at; /* next message of a listing */
  SatchelStream *content;
  gboolean is_in_memory; /* reading `content` does not block */
  guint64 offset;
  gint64 lines_left;   /* for TOP: lines of the body that are still to come; -1: all */
  guint64 header_left; /* for TOP: octets of the header that are still to come */
  gboolean is_at_line_start, is_uidl, is_begun;
  gboolean ends_in_crlf;
  guint8 last_byte;
  gsize want;
  GString *chunk; /* made in a job */
  gboolean chunk_is_last;
  guint32 message; /* index of the message that is being retrieved */
};

/* answers.c has these. */
void pop3_reply (Pop3 *pop3, Pop3Text text);
/* Returns a word in the language of the session: POP3_WORD_... */
const char *pop3_word (Pop3 *pop3, guint word);
/* Answers @text, or that there were too many, and closes. */
void pop3_bad (Pop3 *pop3, Pop3Text text);
/* Begins a long answer, or goes on with it: calls `step` until it is done or there is no room. */
void pop3_begin (Pop3 *pop3, Pop3Step step);
void pop3_continue (Pop3 *pop3);
/* Goes on with input, since the answer is complete, or the maildrop is open. */
void pop3_ready (Pop3 *pop3);
void pop3_set_state (Pop3 *pop3, Pop3State state);
/* Ends the connection once all output is sent; without the UPDATE state, unless that is over. */
void pop3_close (Pop3 *pop3);

/* messages.c has these.  @index counts from 0. */
guint64 pop3_size (Pop3 *pop3, guint32 index);
gboolean pop3_has_surrogate (Pop3 *pop3, guint32 index);
guint32 pop3_uid (Pop3 *pop3, guint32 index);
gboolean pop3_is_deleted (Pop3 *pop3, guint32 index);
/* Opens the content that RETR sends, which is the message or its surrogate; the caller has a reference.
 * *@ret_header is the octets of its header, with the blank line if it has one; it may be NULL. [blocks] */
SatchelStream *pop3_open_message (Pop3 *pop3, guint32 index, guint64 *ret_header, GError **error);
void pop3_delete (Pop3 *pop3, guint32 index);
void pop3_reset (Pop3 *pop3);
/* Answers what is there and not marked as deleted: "+OK 3 messages (320 octets)". */
void pop3_say_totals (Pop3 *pop3);
Pop3Lasting pop3_error_lasting (const GError *error);

/* octets.c finds out, in the job that opens, which messages go as surrogates, and how many octets come of
 * each. [blocks] */
gboolean pop3_find_octets (Pop3 *pop3, GError **error);

/* maildrop.c has these. */
void pop3_open_maildrop (Pop3 *pop3);
/* Releases the lock, if it is held. */
void pop3_unlock (Pop3 *pop3);
/* Releases the lock.  What else is open is freed with the session. */
void pop3_close_maildrop (Pop3 *pop3);

/* delay.c knows when a user logged in last (RFC 2449 6.5). */
gboolean pop3_is_too_early (Pop3 *pop3);
void pop3_note_login (Pop3 *pop3);

/* update.c has these. */
/* Runs QUIT: removes what was deleted, all or none, and marks what was read; then it replies, and closes. */
void pop3_update (Pop3 *pop3);
/* Marks what was read when the connection ended without QUIT. */
void pop3_keep_marks (Pop3 *pop3);

/* listing.c has these. */
void pop3_list_all (Pop3 *pop3, gboolean is_uidl);
void pop3_list_one (Pop3 *pop3, guint32 index, gboolean is_uidl);

/* retrieve.c sends a message; @lines -1 means all of it (RETR), else so many lines of its body (TOP). */
void pop3_retrieve (Pop3 *pop3, guint32 index, gint64 lines);
/* Frees what a retrieval holds. */
void pop3_retrieve_end (Pop3 *pop3);

/* commands.c runs a line by its table. */
void pop3_command (Pop3 *pop3, char *line);

/* pop3_session.c has these. */
gpointer pop3_session_new (SatchelSession *session, const void *note, gsize len);
extern const SatchelConnectionHandlers pop3_session_handlers;
