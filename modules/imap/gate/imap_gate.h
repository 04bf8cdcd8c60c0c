/* SPDX-License-Identifier: MIT
 * Declares IMAP before login: one connection in a gate. Role gate.
 */
#pragma once
#include "grammar/lexer.h"
#include "grammar/reader.h"
#include "settings.h"
#include "writer.h"
#include <satchel/protocol.h>

/* Says what a gate is at.  imap_gate_set_state alone changes it.
 *
 *   state       input is read  goes on when
 *   READING     as commands    LOGIN or AUTHENTICATE has been given to auth: WAITING
 *   WAITING     no             auth answers: RESPONDING with a challenge, READING without
 *   RESPONDING  as one line    it has been given to auth (WAITING), or cancels the exchange (READING)
 *   CLOSING     no             never: a goodbye was said, or a mail process has the connection */
typedef enum
{
  IMAP_GATE_READING = 0,
  IMAP_GATE_WAITING,
  IMAP_GATE_RESPONDING,
  IMAP_GATE_CLOSING
} ImapGateState;

typedef struct ImapGate
{
  SatchelGateSession *session;
  SatchelConnection *connection; /* NULL: the connection is closed */
  ImapLexer lexer;
  ImapLine line;
  ImapWriter writer;
  ImapGateState state;
  char *tag; /* the tag of LOGIN or AUTHENTICATE while it runs */
  ImapSettings settings;
  guint refs; /* counted, since a command may end the connection */
} ImapGate;

/* imap_gate_reply.c has these. */
void imap_gate_set_state (ImapGate *gate, ImapGateState state);
void imap_gate_flush (ImapGate *gate);
/* Writes "tag OK|NO|BAD text". */
void imap_gate_reply (ImapGate *gate, const char *tag, const char *text);
/* Says goodbye with @text.  @tag is that of LOGOUT, which is answered then; NULL means that the server ends
 * the connection. */
void imap_gate_say_goodbye (ImapGate *gate, const char *text, const char *tag);
void imap_gate_bye (ImapGate *gate, const char *text);
/* Says BAD.  After the last one that is allowed, the connection is closed. */
void imap_gate_bad (ImapGate *gate, const char *tag, const char *text);

/* imap_gate_auth.c has these: LOGIN and AUTHENTICATE (RFC 3501 6.2.2, 6.2.3; RFC 4959). */
void imap_gate_login (ImapGate *gate, const char *tag, ImapReader *reader);
void imap_gate_authenticate (ImapGate *gate, const char *tag, ImapReader *reader);
/* Takes a line that answers a challenge. */
void imap_gate_response (ImapGate *gate, ImapLineStatus status);
void imap_gate_auth_result (gpointer self, const SatchelAuthResult *result);
