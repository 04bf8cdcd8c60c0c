/* SPDX-License-Identifier: MIT
 * Declares the mbox format (RFC 4155, and what programs do besides): a scanner that finds the messages of a
 * file, what their fields say of flags, and a writer. All of it takes any bytes, is linear in the size of
 * the file, and holds at most SATCHEL_MBOX_HEADER_MAX of it in memory.
 */
#pragma once
#include <satchel/snapshot.h>
#include <satchel/stream.h>

/* Fields are looked for in so many bytes of a message's header. */
#define SATCHEL_MBOX_HEADER_MAX (1024u * 1024u)
#define SATCHEL_MBOX_KEYWORDS_MAX 100u /* most keywords of one message */

/* A line of a message that begins with "From " is kept apart from From_ lines in one of these ways. */
typedef enum
{
  SATCHEL_MBOX_AUTO = 0, /* CL2 for a message whose Content-Length is right, RD for all others */
  SATCHEL_MBOX_O,        /* ">From " stands for "From "; no other line is quoted */
  SATCHEL_MBOX_RD,       /* as O, but a line that has '>' before "From " already gets one more */
  SATCHEL_MBOX_CL,       /* Content-Length counts if it is right; lines are quoted as in RD */
  SATCHEL_MBOX_CL2       /* Content-Length counts if it is right; no line is quoted */
} SatchelMboxVariant;

/* Offsets of a message count bytes of the file. */
typedef struct SatchelMboxMessage
{
  guint64 offset;      /* where its From_ line begins */
  guint64 start, body; /* where header and body begin */
  guint64 end;      /* where the content ends; the blank line before the next From_ line is no part of it */
  gint64 from_date; /* date of the From_ line, in seconds since 1970; or SATCHEL_DATE_UNKNOWN */
  gboolean is_crlf; /* each line keeps its end; otherwise each LF stands for CRLF */
  gboolean is_counted; /* Content-Length said where the message ends */
} SatchelMboxMessage;

typedef struct SatchelMboxScanner SatchelMboxScanner;
typedef enum
{
  /* INVALID: the file does not begin with a From_ line; otherwise it cannot be read */
  SATCHEL_MBOX_FAILED = 0,
  SATCHEL_MBOX_MESSAGE,
  SATCHEL_MBOX_END
} SatchelMboxResult;
/* Takes a reference to @stream, whose length must not change. */
SatchelMboxScanner *satchel_mbox_scanner_new (SatchelStream *stream, SatchelMboxVariant variant);
void satchel_mbox_scanner_free (SatchelMboxScanner *scanner);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelMboxScanner, satchel_mbox_scanner_free)
/* Finds the next message.  An empty file has none.  [blocks] */
SatchelMboxResult satchel_mbox_scanner_next (SatchelMboxScanner *scanner, SatchelMboxMessage *ret_message,
                                             GError **error);

/* Mail programs write these facts about a message to header fields of mbox files. */
typedef struct SatchelMboxFields
{
  guint32 flags;       /* SATCHEL_FLAG_* */
  GPtrArray *keywords; /* char *, NULL-ended; any words */
  gint64 date;         /* date of the Date field, or SATCHEL_DATE_UNKNOWN */
  gboolean is_pseudo;  /* no message, but data that UW-IMAP or Pine keep for themselves */
  gboolean is_own;     /* satchel_mbox_write wrote it, so lines are quoted as in RD, in the header as well */
  GArray *cuts;        /* SatchelMboxCut, ascending: these fields are no part of the content */
} SatchelMboxFields;
typedef struct SatchelMboxCut
{
  guint64 offset, len; /* place in the file */
} SatchelMboxCut;
/* Reads the fields of @message, and takes from its end what the writer added there.  [blocks] */
gboolean satchel_mbox_fields_read (SatchelStream *stream, SatchelMboxMessage *message,
                                   SatchelMboxFields *ret_fields, GError **error);
void satchel_mbox_fields_clear (SatchelMboxFields *fields);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SatchelMboxFields, satchel_mbox_fields_clear)

/* Takes a part of the content; FALSE ends the copying. */
typedef gboolean (*SatchelMboxTakeFunc) (const void *data, gsize len, gpointer data_of_taker, GError **error);
/* Gives the content of @message as it was before it came into the file.  [blocks] */
gboolean satchel_mbox_copy (SatchelStream *stream, const SatchelMboxMessage *message,
                            const SatchelMboxFields *fields, SatchelMboxVariant variant,
                            SatchelMboxTakeFunc take, gpointer data, GError **error);

/* Reads a line that begins with "From ", without its end: an address, which may be missing, and a date in the
 * form of asctime(3), perhaps with a zone.  FALSE means that it is no From_ line.  The date is UTC unless the
 * zone says otherwise. */
gboolean satchel_mbox_from_parse (const char *line, gsize len, gint64 *ret_date);

/* Writes @content, which has length @len, as a message of an mbox file (mboxrd), so that the calls above give
 * the same content, date, flags and keywords.  @keywords is NULL-ended.  [blocks] */
gboolean satchel_mbox_write (SatchelStream *content, gint64 internal_date, guint32 flags,
                             const char *const *keywords, SatchelMboxTakeFunc take, gpointer data,
                             GError **error);
