/* SPDX-License-Identifier: MIT
 * Lines of the Dovecot authentication protocol, version 1: a command and its parameters, with TABs between
 * them, ended by LF.  In values \001 stands before a character that may not stand for itself.
 */
#pragma once
#include <satchel/types.h>

typedef enum
{
  DOVECOT_BAD = 0, /* no line of this protocol: its sender speaks another one, or another version */
  DOVECOT_IGNORED, /* nothing is to be done */
  DOVECOT_VERSION,
  DOVECOT_AUTH,
  DOVECOT_CONT,
  DOVECOT_CANCEL
} DovecotCommand;

/* This is a request; all texts are borrowed from the line. */
typedef struct DovecotRequest
{
  DovecotCommand command;
  guint32 id;
  const char *mechanism, *service, *address; /* of AUTH; service and address (rip=) may be missing: NULL */
  gboolean is_secured;                       /* of AUTH: there is TLS between client and MTA */
  const char *response;                      /* base64; NULL: none (AUTH only) */
} DovecotRequest;

/* Reads a line of @len bytes without its LF; @line is cut into pieces, and must be NUL-ended. */
void dovecot_request_parse (char *line, gsize len, DovecotRequest *ret_request);

/* Appends TAB, NAME, "=" and the value. */
void dovecot_append_value (GString *line, const char *name, const char *value);
