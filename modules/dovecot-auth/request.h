/* SPDX-License-Identifier: MIT
 * Declares the lines of the Dovecot authentication protocol, version 1: a command and its parameters, with
 * TABs between them, ended by LF. In values \001 stands before an escaped character.
 */
#pragma once
#include <satchel/types.h>

typedef enum
{
  DOVECOT_BAD = 0, /* this is no line of the protocol: the peer speaks another one, or another version */
  DOVECOT_IGNORED, /* the line needs no action */
  DOVECOT_VERSION,
  DOVECOT_AUTH,
  DOVECOT_CONT,
  DOVECOT_CANCEL
} DovecotCommand;

/* All texts of a request are borrowed from the line. */
typedef struct DovecotRequest
{
  DovecotCommand command;
  guint32 id;
  /* of AUTH; NULL where it is missing, as service and address (rip=) may be */
  const char *mechanism, *service, *address;
  gboolean is_secured;  /* of AUTH: the client has TLS to the MTA */
  const char *response; /* of AUTH and CONT, in base64; NULL, for AUTH only: there is none */
} DovecotRequest;

/* Reads a line of @len bytes without its LF.  @line must be NUL-ended; NULs are put between its parts. */
void dovecot_request_parse (char *line, gsize len, DovecotRequest *ret_request);

/* Appends TAB, NAME, "=" and the value. */
void dovecot_append_value (GString *line, const char *name, const char *value);
