/* SPDX-License-Identifier: MIT
 * Declares the command lines of POP3 for both halves (RFC 1939 3, RFC 2449 4).
 */
#pragma once
#include <satchel/connection.h>

typedef enum
{
  POP3_LINE_NONE = 0, /* no whole line has come yet */
  POP3_LINE_READ,
  POP3_LINE_TOO_LONG,
  POP3_LINE_BAD, /* the line has a NUL or another control character */
  /* the line ends in an LF alone: what follows cannot be told from commands, so the connection must be
   * closed */
  POP3_LINE_BARE_LF
} Pop3LineStatus;

typedef struct Pop3LineReader
{
  gboolean is_skipping; /* the rest of a line that was too long is being skipped */
} Pop3LineReader;

/* Takes one line from the input, ended by CRLF (RFC 1939 3), at most @limit bytes.  *ret_line: yours,
 * NUL-ended. */
Pop3LineStatus pop3_read_line (Pop3LineReader *reader, SatchelConnection *connection, gsize limit,
                               char **ret_line, gsize *ret_len);

/* Splits a line.  @line becomes the keyword, in upper case; the result is the argument, exactly as it
 * followed the first space ("" if there is none). */
char *pop3_split_command (char *line);
