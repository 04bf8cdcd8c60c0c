/* SPDX-License-Identifier: MIT
 * Implements the scanner, which makes lines of bytes and parts of lines (RFC 2046 5.1, RFC 5322 2.1). It is
 * a state machine over an explicit stack of open parts, and keeps one header block and the start of one
 * line.
 */
#include "config.h"

#include <satchel/hash.h>
#include <satchel/message.h>
#include <string.h>

#include "core/mail/scan/scanner.h"
#include "core/mail/scan/scan.h"
#include "core/mail/header/text.h"

/* A boundary line is "--", boundary, "--", white space; a longer line is none. */
#define READ_BYTES 65536u
#define LINE_BYTES 2048u
#define PREVIEW_PLAIN_BYTES 4096u
#define PREVIEW_HTML_BYTES 32768u

/* The end of this part has not been seen. */
typedef struct OpenPart
{
  guint32 index;
  char *boundary; /* boundary of a multipart that may have more parts; else NULL */
  gsize boundary_len;
  guint64 boundary_hash;
  gboolean was_delimited;
  gboolean is_digest;
} OpenPart;

typedef enum
{
  STATE_BODY = 0,
  STATE_HEADER
} ScanState;

typedef enum
{
  CAPTURE_NONE = 0,
  CAPTURE_PLAIN,
  CAPTURE_HTML
} Capture;

struct SatchelScanner
{
  ScanTree tree;
  ScanState state;
  guint64 offset;         /* offset of the next byte */
  guint64 line_offset;    /* offset of the current line */
  guint64 line_len;       /* length of the current line so far, of which only LINE_BYTES are kept */
  gboolean is_plain_line; /* the current line is of a body and cannot be a boundary, so it is not kept */
  guint8 last_byte;       /* the byte before `offset` */
  guint8 prev_eol;        /* length of the line end before the current line */
  GString *header;
  gsize header_line; /* where the current line starts in the header */
  gsize header_bytes_left;
  gboolean is_header_cut;
  gboolean was_header_cut; /* the header was cut before the current line */
  gboolean has_field;      /* the header that is being read has at least one field */
  gboolean is_frozen;      /* a bound has been reached, so no more structure is added */
  guint n_open;
  Capture capture;
  guint32 plain_part, html_part;
  GByteArray *plain, *html;
  /* These arrays are not zeroed; the counters above say how much of them is used. */
  OpenPart open[SATCHEL_SCAN_DEPTH + 2];
  guint8 line[LINE_BYTES];
};

static void
push_part (SatchelScanner *scanner, guint64 header_offset)
{
  ScanPart part = { 0 };
  guint32 parent = scanner->n_open > 0 ? scanner->open[scanner->n_open - 1].index : NO_PART;
  part.parent = parent;
  part.depth = scanner->n_open;
  part.header_offset = part.body_offset = part.end_offset = header_offset;
  g_array_append_val (scanner->tree.parts, part);
  scanner->open[scanner->n_open++] = (OpenPart) { .index = scanner->tree.parts->len - 1 };
  scanner->state = STATE_HEADER;
  g_string_truncate (scanner->header, 0);
  scanner->header_line = 0;
  scanner->is_header_cut = scanner->was_header_cut = scanner->has_field = FALSE;
}

SatchelScanner *
satchel_scanner_new (void)
{
  SatchelScanner *scanner = g_malloc (sizeof *scanner);
  memset (scanner, 0, G_STRUCT_OFFSET (SatchelScanner, open));
  scanner->tree.parts = g_array_new (FALSE, TRUE, sizeof (ScanPart));
  /* The sizes are what usual mail needs, so that texts need not grow in steps. */
  scanner->tree.pool = g_string_sized_new (2048);
  scanner->tree.header_records = g_byte_array_sized_new (2048);
  scanner->tree.preview = g_string_sized_new (256);
  scanner->header = g_string_sized_new (4096);
  scanner->plain = g_byte_array_sized_new (PREVIEW_PLAIN_BYTES);
  scanner->html = g_byte_array_new ();
  scanner->plain_part = scanner->html_part = NO_PART;
  scanner->header_bytes_left = SATCHEL_SCAN_HEADER_BYTES;
  push_part (scanner, 0);
  return scanner;
}

void
satchel_scanner_free (SatchelScanner *scanner)
{
  for (guint i = 0; i < scanner->n_open; i++)
    g_free (scanner->open[i].boundary);
  g_array_unref (scanner->tree.parts);
  g_string_free (scanner->tree.pool, TRUE);
  g_byte_array_unref (scanner->tree.header_records);
  g_string_free (scanner->tree.preview, TRUE);
  g_string_free (scanner->header, TRUE);
  g_byte_array_unref (scanner->plain);
  g_byte_array_unref (scanner->html);
  g_free (scanner);
}

/* Finds the open multipart of which the text after "--" is a delimiter: its place on the stack, or -1. The
 * innermost wins; the whole line is compared, so that a boundary may be a prefix of another. */
static int
find_boundary (const SatchelScanner *scanner, const guint8 *text, gsize len, gboolean *ret_is_close)
{
  if (scanner->is_frozen)
    return -1;
  while (len > 0
         && (text[len - 1] == ' ' || text[len - 1] == '\t' || text[len - 1] == '\r' || text[len - 1] == '\n'))
    len--;
  const gboolean may_close = len >= 2 && text[len - 1] == '-' && text[len - 2] == '-';
  guint64 hash = 0, close_hash = 0;
  gboolean is_hashed = FALSE;
  for (int i = (int) scanner->n_open - 1; i >= 0; i--)
    {
      const OpenPart *open = &scanner->open[i];
      if (open->boundary == NULL
          || (open->boundary_len != len && !(may_close && open->boundary_len == len - 2)))
        continue;
      if (!is_hashed)
        {
          hash = satchel_keyed_hash (text, len);
          close_hash = may_close ? satchel_keyed_hash (text, len - 2) : 0;
          is_hashed = TRUE;
        }
      *ret_is_close = open->boundary_len != len;
      if (open->boundary_hash == (*ret_is_close ? close_hash : hash)
          && memcmp (open->boundary, text, open->boundary_len) == 0)
        return i;
    }
  return -1;
}

/* Gives a child to a multipart without parts, since RFC 3501 wants at least one: its text if no delimiter
 * ever came, else an empty one. */
static void
add_missing_child (SatchelScanner *scanner, guint32 index, gboolean was_delimited)
{
  ScanPart *parent = scan_tree_part (&scanner->tree, index);
  ScanPart child = { 0 };
  child.parent = index;
  child.depth = parent->depth + 1;
  child.header_offset = child.body_offset = parent->body_offset;
  child.end_offset = was_delimited ? parent->body_offset : parent->end_offset;
  child.body_lines = was_delimited ? 0 : parent->body_lines;
  satchel_scan_header (&scanner->tree, &child, "", 0, "text/plain", FALSE);
  g_array_append_val (scanner->tree.parts, child);
}

/* Ends open parts from the innermost down to and with stack place @from; the content ends at @end. */
static void
close_parts (SatchelScanner *scanner, guint from, guint64 end, guint64 end_line)
{
  scanner->capture = CAPTURE_NONE;
  while (scanner->n_open > from)
    {
      OpenPart *open = &scanner->open[--scanner->n_open];
      ScanPart *part = scan_tree_part (&scanner->tree, open->index);
      /* The enclosed message is empty: what looked like its blank line is the delimiter's line end. */
      if (part->header_offset == end && part->body_offset > end && part->parent != NO_PART
          && scan_tree_part (&scanner->tree, part->parent)->kind == SATCHEL_PART_MESSAGE)
        part->body_offset = end;
      /* A delimiter directly behind a header or another delimiter has no line end of its own that would count
       * for it. */
      if (end < part->body_offset)
        {
          end = part->body_offset;
          end_line = MAX (end_line, part->first_line);
        }
      part->end_offset = end;
      part->body_lines = end_line > part->first_line ? end_line - part->first_line : 0;
      if (part->kind == SATCHEL_PART_MULTIPART && open->index + 1 == scanner->tree.parts->len)
        add_missing_child (scanner, open->index, open->was_delimited);
      part = scan_tree_part (&scanner->tree, open->index);
      part->n_descendants = scanner->tree.parts->len - 1 - open->index;
      g_clear_pointer (&open->boundary, g_free);
    }
}

static void
start_capture (SatchelScanner *scanner, guint32 index)
{
  const ScanPart *part = scan_tree_part (&scanner->tree, index);
  const char *pool = scanner->tree.pool->str;
  scanner->capture = CAPTURE_NONE;
  if (part->kind != SATCHEL_PART_LEAF || part->is_attachment || scanner->plain_part != NO_PART
      || strcmp (pool + part->type.offset, "text") != 0)
    return;
  if (strcmp (pool + part->subtype.offset, "html") == 0)
    {
      if (scanner->html_part != NO_PART)
        return;
      scanner->html_part = index;
      scanner->capture = CAPTURE_HTML;
    }
  else if (strcmp (pool + part->subtype.offset, "plain") == 0)
    {
      scanner->plain_part = index;
      scanner->capture = CAPTURE_PLAIN;
    }
}

static void
capture_bytes (SatchelScanner *scanner, const guint8 *data, gsize len)
{
  GByteArray *to = scanner->capture == CAPTURE_PLAIN ? scanner->plain : scanner->html;
  gsize limit = scanner->capture == CAPTURE_PLAIN ? PREVIEW_PLAIN_BYTES : PREVIEW_HTML_BYTES;
  g_byte_array_append (to, data, (guint) MIN (len, limit - to->len));
  if (to->len >= limit)
    scanner->capture = CAPTURE_NONE;
}

/* Removes the last field of a header that was cut at its bound, since only its beginning is there. */
static void
drop_cut_field (GString *header)
{
  gsize start = header->len;
  while (start > 0
         && !(header->str[start - 1] == '\n' && start < header->len && header->str[start] != ' '
              && header->str[start] != '\t'))
    start--;
  g_string_truncate (header, start);
}

/* Says whether the innermost part is a message, with a message's header, not one of MIME only. */
static gboolean
is_in_message (const SatchelScanner *scanner)
{
  return scanner->n_open < 2
         || scan_tree_part (&scanner->tree, scanner->open[scanner->n_open - 2].index)->kind
                == SATCHEL_PART_MESSAGE;
}

/* RFC 2046 5.2.1 allows no transfer encoding for message/rfc822, RFC 6532 3.5 does for message/global.
 * Sections are pieces of what is stored, so none can lie in what has to be decoded first: an encoded message
 * encloses one text, which is its body, encoded as it is, behind an empty header. */
static void
add_encoded_message (SatchelScanner *scanner, guint64 body, guint64 line)
{
  guint32 parent = scanner->open[scanner->n_open - 1].index;
  const SatchelEncoding encoding = scan_tree_part (&scanner->tree, parent)->encoding;
  push_part (scanner, body);
  ScanPart *part = scan_tree_part (&scanner->tree, parent + 1);
  part->first_line = line;
  satchel_scan_encoded_message (&scanner->tree, part, encoding);
  scanner->state = STATE_BODY;
  scanner->capture = CAPTURE_NONE;
}

/* Ends the header of the innermost part; its body starts at @body, after @line lines. */
static void
end_header (SatchelScanner *scanner, guint64 body, guint64 line)
{
  OpenPart *open = &scanner->open[scanner->n_open - 1];
  ScanPart *part = scan_tree_part (&scanner->tree, open->index);
  const OpenPart *parent = scanner->n_open > 1 ? open - 1 : NULL;
  const char *default_type = parent != NULL && parent->is_digest ? "message/rfc822" : "text/plain";

  part->body_offset = part->end_offset = body;
  part->first_line = line;
  if (scanner->is_header_cut)
    drop_cut_field (scanner->header);
  char *boundary = satchel_scan_header (&scanner->tree, part, scanner->header->str, scanner->header->len,
                                        default_type, is_in_message (scanner));
  scanner->state = STATE_BODY;
  if (scanner->header_bytes_left == 0 || scanner->tree.parts->len >= SATCHEL_SCAN_PARTS)
    scanner->is_frozen = TRUE;
  if (part->kind != SATCHEL_PART_LEAF && (scanner->is_frozen || scanner->n_open > SATCHEL_SCAN_DEPTH))
    {
      satchel_scan_force_leaf (&scanner->tree, part);
      g_clear_pointer (&boundary, g_free);
    }
  if (boundary != NULL)
    {
      open->boundary = boundary;
      open->boundary_len = strlen (boundary);
      open->boundary_hash = satchel_keyed_hash (boundary, open->boundary_len);
      open->is_digest = strcmp (scanner->tree.pool->str + part->subtype.offset, "digest") == 0;
    }
  start_capture (scanner, open->index);
  if (part->kind == SATCHEL_PART_MESSAGE && part->encoding != SATCHEL_ENCODING_IDENTITY)
    add_encoded_message (scanner, body, line);
  else if (part->kind == SATCHEL_PART_MESSAGE)
    push_part (scanner, body);
}

static void
keep_header (SatchelScanner *scanner, const guint8 *data, gsize len)
{
  gsize n = MIN (len, scanner->header_bytes_left);
  if (n < len)
    scanner->is_header_cut = TRUE;
  g_string_append_len (scanner->header, (const char *) data, n);
  scanner->header_bytes_left -= n;
}

/* Removes the current line from the header that is being collected, since it does not belong to it. */
static void
take_back_line (SatchelScanner *scanner)
{
  gsize start = MIN (scanner->header_line, scanner->header->len);
  scanner->header_bytes_left += scanner->header->len - start;
  g_string_truncate (scanner->header, start);
  scanner->is_header_cut = scanner->was_header_cut;
}

/* Takes a delimiter line, which starts at line_offset, of the multipart at stack place @level. */
static void
boundary_line (SatchelScanner *scanner, guint level, gboolean is_close, gboolean has_eol)
{
  const guint64 lines_before = scanner->tree.lines - (has_eol ? 1 : 0);
  guint64 end = scanner->line_offset - scanner->prev_eol, end_line = lines_before;
  /* The line end before a delimiter belongs to the delimiter (RFC 2046 5.1.1). */
  if (scanner->prev_eol > 0 && end_line > 0)
    end_line--;
  /* The delimiter line may come while a header is being read. It ends that header and is no line of it. If
   * the header that ends is one of message/rfc822, an enclosed message with an empty header begins, which
   * ends at once, too. The line end before the delimiter is then that of the blank line after the outer
   * header, so the enclosed message begins behind it and not before it. */
  take_back_line (scanner);
  while (scanner->state == STATE_HEADER)
    {
      guint64 header =
          scan_tree_part (&scanner->tree, scanner->open[scanner->n_open - 1].index)->header_offset;
      end_header (scanner, MAX (end, header), header > end ? lines_before : end_line);
    }
  close_parts (scanner, level + 1, end, end_line);
  OpenPart *open = &scanner->open[level];
  open->was_delimited = TRUE;
  scanner->state = STATE_BODY;
  if (is_close)
    g_clear_pointer (&open->boundary, g_free);
  else if (!scanner->is_frozen)
    push_part (scanner, scanner->line_offset + scanner->line_len);
}

/* Says whether a line is a field or the folding of one (RFC 5322 2.2). A message may begin with the line that
 * mbox files put there, and with folding that has lost its field; a line among the fields that is none must
 * not hide those behind it. */
static gboolean
is_header_line (SatchelScanner *scanner)
{
  const char *line = (const char *) scanner->line, *end = line + MIN (scanner->line_len, LINE_BYTES);
  if (scanner->has_field && is_in_message (scanner))
    return TRUE;
  if (*line == ' ' || *line == '\t')
    return scanner->has_field || is_in_message (scanner);
  if (satchel_can_be_field (line, end))
    return scanner->has_field = TRUE;
  line += *line == '>';
  return !scanner->has_field && end - line > 5 && memcmp (line, "From ", 5) == 0 && is_in_message (scanner);
}

/* Takes the current line, in a header. */
static void
take_header_line (SatchelScanner *scanner, gboolean has_eol)
{
  const char *line = (const char *) scanner->line;
  const gsize kept = MIN (scanner->line_len, LINE_BYTES);
  if (scanner->line_len <= 2 && satchel_is_blank_line (line, line + kept))
    {
      if (scanner->n_open == 1)
        scanner->tree.blank_line = (guint8) kept;
      end_header (scanner, scanner->line_offset + scanner->line_len, scanner->tree.lines);
      return;
    }
  if (is_header_line (scanner))
    return;
  /* The empty line before the body is missing.  An enclosed message may begin with this line. */
  g_autoptr (GString) text = g_string_new_len (scanner->header->str + scanner->header_line,
                                               (gssize) (scanner->header->len - scanner->header_line));
  do
    {
      take_back_line (scanner);
      end_header (scanner, scanner->line_offset, scanner->tree.lines - (has_eol ? 1 : 0));
      if (scanner->state == STATE_HEADER)
        keep_header (scanner, (const guint8 *) text->str, text->len);
    }
  while (scanner->state == STATE_HEADER && !is_header_line (scanner));
  if (scanner->state == STATE_BODY && scanner->capture != CAPTURE_NONE)
    capture_bytes (scanner, (const guint8 *) text->str, text->len);
}

/* Handles the current line, which is whole (@has_eol) or the last one. */
static void
end_line (SatchelScanner *scanner, gboolean has_eol)
{
  const gsize kept = MIN (scanner->line_len, LINE_BYTES);
  gboolean is_close;
  int level = -1;
  if (!scanner->is_plain_line && scanner->line_len <= LINE_BYTES && kept >= 2 && scanner->line[0] == '-'
      && scanner->line[1] == '-')
    level = find_boundary (scanner, scanner->line + 2, kept - 2, &is_close);
  if (level >= 0)
    boundary_line (scanner, (guint) level, is_close, has_eol);
  else if (scanner->state == STATE_HEADER)
    take_header_line (scanner, has_eol);
  else if (scanner->capture != CAPTURE_NONE && !scanner->is_plain_line)
    capture_bytes (scanner, scanner->line, kept);
  scanner->prev_eol = !has_eol ? 0 : scanner->line_len >= 2 && scanner->last_byte == '\r' ? 2 : 1;
  scanner->line_offset += scanner->line_len;
  scanner->line_len = 0;
  scanner->is_plain_line = FALSE;
  scanner->header_line = scanner->header->len;
  scanner->was_header_cut = scanner->is_header_cut;
}

/* Takes a piece of the current line; @len > 0. */
static void
line_piece (SatchelScanner *scanner, const guint8 *data, gsize len)
{
  if (scanner->state == STATE_HEADER)
    keep_header (scanner, data, len);
  else if (scanner->line_len == 0 && data[0] != '-')
    scanner->is_plain_line = TRUE;
  if (scanner->is_plain_line)
    {
      if (scanner->capture != CAPTURE_NONE)
        capture_bytes (scanner, data, len);
    }
  else if (scanner->line_len < LINE_BYTES)
    memcpy (scanner->line + scanner->line_len, data, MIN (len, LINE_BYTES - scanner->line_len));
  scanner->line_len += len;
}

/* Counts whole body lines that are neither a boundary nor needed for the preview, which are most of a
 * message. Returns the place behind them. */
static const guint8 *
skip_plain_lines (SatchelScanner *scanner, const guint8 *at, const guint8 *end)
{
  const guint8 *start = at, *feed;
  guint64 n_lines = 0;
  while (at < end && *at != '-' && (feed = memchr (at, '\n', end - at)) != NULL)
    {
      scanner->prev_eol = feed > at && feed[-1] == '\r' ? 2 : 1;
      at = feed + 1;
      n_lines++;
    }
  if (n_lines > 0)
    scanner->last_byte = '\n';
  scanner->tree.lines += n_lines;
  scanner->offset += at - start;
  scanner->line_offset += at - start;
  return at;
}

void
satchel_scanner_feed (SatchelScanner *scanner, const void *data, gsize len)
{
  const guint8 *at = data, *end = at + len;
  while (at < end)
    {
      if (scanner->state == STATE_BODY && scanner->line_len == 0 && scanner->capture == CAPTURE_NONE)
        {
          at = skip_plain_lines (scanner, at, end);
          if (at == end)
            break;
        }
      const guint8 *feed = memchr (at, '\n', end - at);
      gsize n = (feed != NULL ? feed + 1 : end) - at;
      line_piece (scanner, at, n);
      scanner->offset += n;
      /* This handles the byte before the LF, which may have come with an earlier piece. */
      if (feed == NULL)
        scanner->last_byte = at[n - 1];
      else
        {
          if (n >= 2)
            scanner->last_byte = at[n - 2];
          scanner->tree.lines++;
          end_line (scanner, TRUE);
          scanner->last_byte = '\n';
        }
      at += n;
    }
}

GBytes *
satchel_scanner_finish (SatchelScanner *scanner)
{
  ScanTree *tree = &scanner->tree;
  if (scanner->line_len > 0)
    end_line (scanner, FALSE);
  tree->size = scanner->offset;
  tree->ends_in_crlf = scanner->offset == 0 || scanner->prev_eol == 2;
  /* This runs at most twice, since the header of an enclosed message may end with the content, too. */
  while (scanner->state == STATE_HEADER)
    end_header (scanner, scanner->offset, tree->lines);
  close_parts (scanner, 0, scanner->offset, tree->lines);
  if (scanner->plain_part != NO_PART && scanner->plain->len > 0)
    satchel_scan_preview (scan_tree_part (tree, scanner->plain_part), tree, scanner->plain, tree->preview);
  if (tree->preview->len == 0 && scanner->html_part != NO_PART)
    satchel_scan_preview (scan_tree_part (tree, scanner->html_part), tree, scanner->html, tree->preview);
  GBytes *blob = satchel_scan_write_blob (tree);
  satchel_scanner_free (scanner);
  return blob;
}

GBytes *
satchel_scan_stream (SatchelStream *content, GError **error)
{
  g_autoptr (SatchelScanner) scanner = satchel_scanner_new ();
  GBytes *whole = satchel_stream_bytes (content);
  if (whole != NULL)
    {
      gsize len;
      const void *data = g_bytes_get_data (whole, &len);
      satchel_scanner_feed (scanner, data, len);
      return satchel_scanner_finish (g_steal_pointer (&scanner));
    }
  g_autofree guint8 *buffer = g_malloc (READ_BYTES);
  guint64 offset = 0;
  for (;;)
    {
      gssize n = satchel_stream_read_at (content, offset, buffer, READ_BYTES, error);
      if (n < 0)
        return NULL;
      if (n == 0)
        return satchel_scanner_finish (g_steal_pointer (&scanner));
      satchel_scanner_feed (scanner, buffer, n);
      offset += n;
    }
}
