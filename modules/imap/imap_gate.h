/* SPDX-License-Identifier: MIT
 * IMAP before login: one connection in a gate.  Role gate.
 */
#pragma once
#include "lexer.h"
#include "reader.h"
#include "settings.h"
#include "writer.h"
#include <satchel/protocol.h>

typedef struct ImapGate
{
  SatchelGateSession *session;
  SatchelConnection *connection; /* NULL once closed */
  ImapLexer lexer;
  ImapLine line;
  ImapWriter writer;
  char *tag;                  /* of LOGIN or AUTHENTICATE while it runs */
  gboolean is_authenticating; /* an answer of auth is awaited */
  gboolean wants_response;    /* a challenge was sent: the next line is the client's */
  gboolean is_closing;
  ImapSettings settings;
  guint refs; /* a command may end the connection */
} ImapGate;

/* imap_gate.c */
void imap_gate_flush (ImapGate *gate);
/* "tag OK|NO|BAD text". */
void imap_gate_reply (ImapGate *gate, const char *tag, const char *text);
void imap_gate_bye (ImapGate *gate, const char *text);
/* Says BAD; the last one that is allowed closes. */
void imap_gate_bad (ImapGate *gate, const char *tag, const char *text);

/* imap_gate_auth.c: LOGIN and AUTHENTICATE (RFC 3501 6.2.2, 6.2.3; RFC 4959). */
void imap_gate_login (ImapGate *gate, const char *tag, ImapReader *reader);
void imap_gate_authenticate (ImapGate *gate, const char *tag, ImapReader *reader);
/* A line that answers a challenge. */
void imap_gate_response (ImapGate *gate, ImapLineStatus status);
void imap_gate_auth_result (gpointer self, const SatchelAuthResult *result);
