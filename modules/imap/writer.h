/* SPDX-License-Identifier: MIT
 * Declares the output of IMAP. No other file quotes strings or writes literals (RFC 3501 4.3). A writer is a
 * growing buffer that the session sends; `room` is how much of it a command should fill before it yields.
 * Pure.
 */
#pragma once
#include <satchel/snapshot.h>
#include <string.h>

typedef struct ImapWriter
{
  char *data;
  gsize len, size, room;
  gboolean is_utf8; /* the client takes UTF-8 in quoted strings and mailbox names (RFC 6855 3) */
} ImapWriter;

/* Empties the writer and frees its memory. */
void imap_writer_clear (ImapWriter *writer);
/* Returns room for at least @n bytes at the end; the caller adds to len. */
char *imap_writer_reserve (ImapWriter *writer, gsize n);

static inline gboolean
imap_writer_is_full (const ImapWriter *writer)
{
  return writer->len >= writer->room;
}
static inline void
imap_write_raw (ImapWriter *writer, const void *data, gsize len)
{
  if (len == 0) /* the buffer of a new writer is NULL */
    return;
  memcpy (imap_writer_reserve (writer, len), data, len);
  writer->len += len;
}
/* Writes protocol text as it stands. */
static inline void
imap_write (ImapWriter *writer, const char *text)
{
  imap_write_raw (writer, text, strlen (text));
}
/* Asks for a literal, or for the rest of a command (RFC 3501 7.5). */
void imap_write_continuation (ImapWriter *writer, const char *text);
void imap_write_format (ImapWriter *writer, const char *format, ...) G_GNUC_PRINTF (2, 3);
void imap_write_number (ImapWriter *writer, guint64 number);
/* Writes string: quoted if it may be, else a literal.  NULs are cut out.  8-bit is quoted only as UTF-8, if
 * the client takes it. */
void imap_write_string (ImapWriter *writer, const char *text, gsize len);
/* Writes an nstring: NIL if @text is NULL, else a string. */
void imap_write_nstring (ImapWriter *writer, const char *text);
/* Writes the name of a mailbox: @name is UTF-8 as clients see it; it is sent quoted, and in modified UTF-7
 * unless the client takes UTF-8. */
void imap_write_mailbox (ImapWriter *writer, const char *name);
/* Writes "{123}\r\n"; the caller then writes exactly @size bytes. */
void imap_write_literal_header (ImapWriter *writer, guint64 size);
/* Writes "(\Seen $Forwarded)" of a message; @keywords names the bits.  \Recent first if @is_recent. */
void imap_write_flags (ImapWriter *writer, guint32 flags, const SatchelKeywordSet *bits,
                       char *const *keywords, guint n_keywords, gboolean is_recent);
/* Writes @flags and all keywords that a mailbox has, for FLAGS and PERMANENTFLAGS. */
void imap_write_known_flags (ImapWriter *writer, guint32 flags, char *const *keywords, guint n_keywords,
                             gboolean may_add);
/* Writes "17-Jul-1996 02:44:25 +0000" with quotes. */
void imap_write_date_time (ImapWriter *writer, gint64 time);
/* Writes "1:3,7". */
void imap_write_set (ImapWriter *writer, const SatchelUidSet *set);
/* Writes "* VANISHED 1:3,7" (RFC 7162 3.2.10): ranges from @at on, as many as a line should have.  Returns
 * where to go on. */
guint imap_write_vanished (ImapWriter *writer, const SatchelUidSet *set, guint at, gboolean is_earlier);
/* Writes "* 23 FETCH (". */
void imap_write_fetch_start (ImapWriter *writer, guint32 sequence);
/* Writes text that a client chose, inside resp-text: printable ASCII only, no "]". */
void imap_write_safe_text (ImapWriter *writer, const char *text, gsize max);
/* Writes base64 of a SASL challenge. */
void imap_write_base64 (ImapWriter *writer, const guint8 *data, gsize len);

/* The flags text of the last message is kept, since the next one mostly shares it. */
typedef struct ImapFlagsMemo
{
  SatchelKeywordSet bits;
  guint32 flags;
  gboolean is_recent;
  guint len;
  char text[512];
} ImapFlagsMemo;
/* Writes the flags of message @row as imap_write_flags does, faster over many messages of one mailbox.  @memo
 * starts zeroed. */
void imap_write_flags_memo (ImapWriter *writer, ImapFlagsMemo *memo, const SatchelSnapshot *snapshot,
                            const SatchelChunk *chunk, guint row, gboolean is_recent);
