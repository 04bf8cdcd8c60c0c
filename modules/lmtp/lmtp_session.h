/* SPDX-License-Identifier: MIT
 * One LMTP session (RFC 2033), shared by the files of this module.  Main thread, but for content_write_job.
 */
#pragma once
#include "replies.h"

#include <satchel/module.h>
#include <satchel/protocol.h>

/* Content up to this size stays in memory (delivery.h), so it may be written without a job. */
#define LMTP_INLINE_BYTES 65536u

/* The attributes of XFORWARD stand in the order of the table in xforward.c. */
typedef enum
{
  LMTP_FORWARDED_NAME = 0,
  LMTP_FORWARDED_ADDR,
  LMTP_FORWARDED_PORT,
  LMTP_FORWARDED_PROTO,
  LMTP_FORWARDED_HELO,
  LMTP_FORWARDED_IDENT,
  LMTP_FORWARDED_SOURCE,
  LMTP_N_FORWARDED
} LmtpForwarded;

/* What the next octets of input are.  lmtp_set_state alone changes it.  While is_busy, input waits whatever
 * the state.
 *
 *   state         the octets are                           goes on when
 *   COMMAND       a command line                           DATA runs: DATA; BDAT runs: CHUNK;
 *                                                          it is too long: DISCARD_LINE
 *   DATA          content to CRLF.CRLF (RFC 5321 4.1.1.4)  it has come: COMMAND
 *   CHUNK         those of one BDAT (RFC 3030)             all have come: COMMAND
 *   DISCARD_LINE  the rest of a line that was too long     its end has come: COMMAND
 *   CLOSING       not read: a goodbye was sent             never */
typedef enum
{
  LMTP_COMMAND = 0,
  LMTP_DATA,
  LMTP_CHUNK,
  LMTP_DISCARD_LINE,
  LMTP_CLOSING
} LmtpState;

/* How far the client has come on its way to a message; each row of the commands' table says from which phase
 * to which its command is taken.  lmtp_set_phase alone changes it.  Ordered: each needs the one before. */
typedef enum
{
  LMTP_GREETED = 0,    /* LHLO is still to come */
  LMTP_READY,          /* no transaction has begun */
  LMTP_HAS_SENDER,     /* MAIL was taken */
  LMTP_HAS_RECIPIENTS, /* at least one RCPT was taken */
  LMTP_HAS_CHUNKS      /* BDAT has begun to bring the message */
} LmtpPhase;

typedef enum
{
  LMTP_AT_TEXT = 0, /* anywhere in a line */
  LMTP_AT_START,    /* after CRLF */
  LMTP_AT_CR,       /* after CR */
  LMTP_AT_DOT,      /* CRLF . */
  LMTP_AT_DOT_CR    /* CRLF . CR */
} LmtpDataState;

typedef struct Lmtp
{
  SatchelSession *session;
  SatchelConnection *connection;
  LmtpSettings settings;
  LmtpState state;
  LmtpPhase phase;
  gboolean is_busy; /* an answer comes later: no further input until then */
  char *client;     /* argument of LHLO; NULL: none yet */
  guint n_bad;
  const char *line; /* the command that runs, for the log; NULL: none */
  /* The command, or the discarded line, begins as BDAT does, so octets follow whatever is wrong with it. */
  gboolean is_chunk;

  gboolean may_forward; /* the peer may use XFORWARD */
  /* What XFORWARD has said since the last transaction; NULL: unknown. */
  gboolean has_forwarded;
  char *forwarded[LMTP_N_FORWARDED];

  /* The mail transaction, if `phase` says that there is one. */
  gboolean is_utf8;
  char *sender;
  GPtrArray *recipients; /* char *: the recipients that were accepted */
  char *pending;         /* the recipient that is being looked up */
  guint64 declared_size;
  SatchelDelivery *delivery;

  /* The content has these: */
  LmtpDataState data_state;
  guint64 n_bytes; /* written to the delivery */
  guint64 chunk_left;
  gboolean chunk_is_last;
  SatchelDeliveryStatus failure; /* not OK: the rest of the content is read and dropped */
  GByteArray *block;             /* content that waits for a job */
  gboolean block_ends_content;
} Lmtp;

/* progress.c has these. */
/* Sends a reply. One that refuses for good is logged. */
void lmtp_reply (Lmtp *lmtp, LmtpReply reply);
/* Logs a refusal. @why: a reason beyond @reply, or NULL; @recipient NULL: it is about the command. */
void lmtp_log_refusal (Lmtp *lmtp, const char *reply, const char *why, const char *recipient);
/* Refuses a command that the client should not have sent; too many of them close. */
void lmtp_bad_command (Lmtp *lmtp, LmtpReply reply);
/* Refuses with @reply, and closes: what the client sends next may be content. */
void lmtp_close_unclear (Lmtp *lmtp, LmtpReply reply);
/* Ends the connection once @reply is sent. */
void lmtp_say_goodbye (Lmtp *lmtp, LmtpReply reply);
/* Ends the connection once all output is sent. */
void lmtp_close (Lmtp *lmtp);
/* Ends the transaction, if there is one. */
void lmtp_reset (Lmtp *lmtp);
/* Forgets what XFORWARD has said. */
void lmtp_forget_forwarded (Lmtp *lmtp);
void lmtp_set_state (Lmtp *lmtp, LmtpState state);
void lmtp_set_phase (Lmtp *lmtp, LmtpPhase phase);
void lmtp_set_busy (Lmtp *lmtp, gboolean is_busy);

/* address.c reads a path of MAIL or RCPT (RFC 5321 4.1.2, RFC 6531 3.3). It returns the address without <>,
 * NULL if it is malformed; *ret_rest is what follows it in @text. */
char *lmtp_parse_path (const char *text, gboolean allow_null, gboolean is_utf8, const char **ret_rest);

/* content.c has these. */
void lmtp_content_begin (Lmtp *lmtp);
/* Uses up input. FALSE: nothing more can be done now. */
gboolean lmtp_content_input (Lmtp *lmtp, const guint8 *data, gsize len, gsize *ret_used);
void lmtp_chunk_begin (Lmtp *lmtp, guint64 size, gboolean is_last);

/* xforward.c has these. */
void lmtp_run_xforward (Lmtp *lmtp, char *argument);
/* Tells the delivery what the MTA has said of the message. */
void lmtp_set_origin (const Lmtp *lmtp);

/* commands.c runs one command line, given without its end, by its table. */
void lmtp_command (Lmtp *lmtp, char *line, gsize len);

/* lmtp_session.c has these. */
extern const SatchelConnectionHandlers lmtp_session_handlers;
gpointer lmtp_session_new (SatchelSession *session, const void *note, gsize len);
