/* SPDX-License-Identifier: MIT
 * Declares how a line of IMAP ends: whether a literal follows it (RFC 7888 3), which is asked of every line
 * that a client sends, whatever it is read as. It also declares bare lines outside of commands. Pure; gate
 * and mail.
 */
#pragma once
#include <glib.h>

typedef enum
{
  IMAP_LINE_END_PLAIN = 0,
  IMAP_LINE_END_SYNC,    /* "{123}": the client waits for "+" before it sends the octets */
  IMAP_LINE_END_NONSYNC, /* "{123+}": the octets come in any case */
  IMAP_LINE_END_UNCLEAR  /* the line ends in a brace that announces no size, so a literal may follow or not */
} ImapLineEndKind;

/* This follows all octets of a line.  It is all zero at the beginning of a line. */
typedef struct ImapLineEnd
{
  guint8 state, n_digits;
  gboolean has_cr, is_sync, saw_brace, last_is_brace;
  guint64 size; /* the size that was announced */
} ImapLineEnd;

/* Takes an octet that is no LF. */
void imap_line_end_feed (ImapLineEnd *end, guint8 byte);
/* Says whether the octets that were read last could still become the announcement of a literal. */
gboolean imap_line_end_is_open (const ImapLineEnd *end);
/* Classifies the end of a line at its LF. A missing CR, or a blank behind the brace, makes it unclear. */
ImapLineEndKind imap_line_end_kind (const ImapLineEnd *end);

/* A line may stand outside commands: SASL responses and DONE. Bounded. A literal that it announces belongs to
 * it, is thrown away, and makes it bad. */
typedef struct ImapLine
{
  GString *text;
  ImapLineEnd end;
  guint64 literal_left;
  gboolean is_bad;
} ImapLine;
typedef enum
{
  IMAP_LINE_MORE = 0,
  IMAP_LINE_COMPLETE, /* text without CRLF */
  IMAP_LINE_BAD,      /* NUL, bare CR or a literal in it; complete all the same */
  IMAP_LINE_UNCLEAR,  /* it is unknown where the next line starts: close */
  IMAP_LINE_TOO_LONG
} ImapLineStatus;
ImapLineStatus imap_line_feed (ImapLine *line, gsize limit, const guint8 *data, gsize len,
                               gsize *ret_consumed);
void imap_line_reset (ImapLine *line, gboolean wipe);
