/* SPDX-License-Identifier: MIT
 * This file searches the content of a message: header blocks field by field, text parts as a stream, in
 * bounded memory (RFC 3501 6.4.4).  Bytes pass through transfer decoder, charset and case folding.  For
 * an ASCII needle in a charset that contains ASCII, only the transfer decoder and lower-casing are needed.
 */
#include "config.h"

#include <satchel/charset.h>
#include <satchel/header.h>
#include <satchel/message.h>
#include <string.h>

#include "core/mail/charset/casefold.h"
#include "core/mail/charset/charset_reader.h"
#include "core/mail/search/needle.h"

#define BLOCK_BYTES 65536u
/* A header block is searched up to so many bytes. */
#define HEADER_BYTES SATCHEL_SCAN_HEADER_BYTES

typedef struct Search
{
  GBytes *attributes;
  SatchelStream *content;
  SatchelSearchTerm *terms;
  guint n_terms;
  gsize longest;     /* bytes of the longest needle */
  gboolean is_ascii; /* all needles are ASCII */
  guint8 *block;
  GByteArray *decoded;
  GString *text;   /* UTF-8 that is not folded yet */
  GString *folded; /* the text that is searched; it starts with the end of the piece before */
} Search;

static gboolean
wants (const SatchelSearchTerm *term, gboolean is_body)
{
  return !term->is_found
         && (term->kind == SATCHEL_SEARCH_TEXT || (is_body && term->kind == SATCHEL_SEARCH_BODY));
}

/* Says whether some term is still looked for in bodies (@is_body), or in headers of the message and its
 * parts. */
static gboolean
is_wanted (const Search *search, gboolean is_body)
{
  for (guint i = 0; i < search->n_terms; i++)
    if (wants (&search->terms[i], is_body))
      return TRUE;
  return FALSE;
}

static void
look_in_folded (Search *search)
{
  for (guint i = 0; i < search->n_terms; i++)
    {
      SatchelSearchTerm *term = &search->terms[i];
      if (wants (term, TRUE))
        term->is_found = satchel_needle_is_in_folded (term->needle, search->folded->str, search->folded->len);
    }
  /* A needle may lie across the border to the next piece. */
  gsize keep = MIN (search->folded->len, search->longest > 0 ? search->longest - 1 : 0);
  g_string_erase (search->folded, 0, search->folded->len - keep);
}

static void
look_in_bytes (Search *search, const char *data, gsize len)
{
  gsize before = search->folded->len;
  g_string_append_len (search->folded, data, len);
  satchel_ascii_lower (search->folded->str + before, len);
  look_in_folded (search);
}

static void
look_in_text (Search *search, SatchelCharsetReader *reader, const void *data, gsize len, gboolean is_last)
{
  satchel_charset_reader_push (reader, data, len, is_last, search->text);
  gsize n = is_last ? search->text->len : satchel_casefold_safe_length (search->text->str, search->text->len);
  satchel_casefold_append (search->text->str, n, search->folded);
  g_string_erase (search->text, 0, n);
  look_in_folded (search);
}

/* Searches [start, end) of the content as one text. */
static gboolean
search_body (Search *search, const SatchelPart *part, GError **error)
{
  const gboolean is_raw = search->is_ascii && satchel_charset_is_ascii_superset (part->charset);
  const gboolean is_identity = part->encoding == SATCHEL_ENCODING_IDENTITY;
  g_autoptr (SatchelCharsetReader) reader = is_raw ? NULL : satchel_charset_reader_new (part->charset);
  SatchelTransferDecoder decoder;
  satchel_transfer_decoder_init (&decoder, part->encoding);
  g_string_truncate (search->folded, 0);
  g_string_truncate (search->text, 0);

  for (guint64 offset = part->body_offset; offset < part->end_offset && is_wanted (search, TRUE);)
    {
      gssize n = satchel_stream_read_at (search->content, offset, search->block,
                                         (gsize) MIN (BLOCK_BYTES, part->end_offset - offset), error);
      if (n < 0)
        return FALSE;
      if (n == 0) /* The content is shorter than its attributes say; what there is has been searched. */
        break;
      offset += n;
      const gboolean is_last = offset >= part->end_offset;
      const guint8 *data = search->block;
      gsize len = n;
      if (!is_identity)
        {
          g_byte_array_set_size (search->decoded, 0);
          satchel_transfer_decoder_push (&decoder, search->block, n, is_last, search->decoded);
          data = search->decoded->data;
          len = search->decoded->len;
        }
      if (is_raw)
        look_in_bytes (search, (const char *) data, len);
      else
        look_in_text (search, reader, data, len, is_last);
    }
  return TRUE;
}

static void
look_in_field (Search *search, const SatchelHeaderField *field, gboolean is_message_header, gboolean is_body)
{
  for (guint i = 0; i < search->n_terms; i++)
    {
      SatchelSearchTerm *term = &search->terms[i];
      if (term->is_found)
        continue;
      if (term->kind == SATCHEL_SEARCH_HEADER)
        term->is_found =
            is_message_header && term->name != NULL && satchel_header_field_is (field, term->name)
            && satchel_needle_is_in_field (term->needle, term->name, field->value, field->value_len);
      else if (wants (term, is_body))
        /* Name and value are searched as one line, so that TEXT "Subject: x" finds what a reader sees. */
        term->is_found = satchel_needle_is_in_value (term->needle, field->raw,
                                                     field->value + field->value_len - field->raw);
    }
}

/* Looks in the whole block at once, unfolded and in lower case, if it is plain ASCII without encoded words,
 * as most are. FALSE means that it has to be looked at field by field. */
static gboolean
look_in_plain_block (Search *search, char *block, gsize len, gboolean is_body)
{
  guchar bits = 0;
  gsize n = 0;
  if (!search->is_ascii || memmem (block, len, "=?", 2) != NULL || memchr (block, '\0', len) != NULL)
    return FALSE;
  for (gsize i = 0; i < len; i++)
    bits |= (guchar) block[i];
  if (bits >= 0x80)
    return FALSE;
  for (guint i = 0; i < search->n_terms; i++)
    if (search->terms[i].kind == SATCHEL_SEARCH_HEADER
            ? !search->terms[i].is_found
            : strpbrk (search->terms[i].needle->text, "\r\n") != NULL)
      return FALSE;
  for (const char *at = block, *end = block + len; at < end;)
    {
      const char *feed = memchr (at, '\n', end - at);
      const char *next = feed != NULL ? feed + 1 : end;
      const gboolean is_folded = next < end && (*next == ' ' || *next == '\t');
      gsize line_len = next - at;
      if (is_folded)
        line_len -= line_len >= 2 && next[-2] == '\r' ? 2 : 1;
      memmove (block + n, at, line_len);
      n += line_len;
      at = next;
    }
  satchel_ascii_lower (block, n);
  for (guint i = 0; i < search->n_terms; i++)
    if (wants (&search->terms[i], is_body))
      search->terms[i].is_found = satchel_needle_is_in_folded (search->terms[i].needle, block, n);
  return TRUE;
}

/* Searches the header block of @part.  @is_body says that it belongs to an enclosed message, so that it is
 * part of the body of the outer one. */
static gboolean
search_header (Search *search, const SatchelPart *part, gboolean is_message_header, gboolean is_body,
               GError **error)
{
  const gsize len = (gsize) MIN (part->body_offset - part->header_offset, HEADER_BYTES);
  g_autofree char *block = g_malloc (len + 1);
  gsize n_read = 0;
  while (n_read < len)
    {
      gssize n = satchel_stream_read_at (search->content, part->header_offset + n_read, block + n_read,
                                         len - n_read, error);
      if (n < 0)
        return FALSE;
      if (n == 0)
        break;
      n_read += n;
    }
  if (look_in_plain_block (search, block, n_read, is_body))
    return TRUE;
  SatchelHeaderReader reader;
  SatchelHeaderField field;
  satchel_header_reader_init (&reader, block, n_read);
  while (satchel_header_reader_next (&reader, &field))
    look_in_field (search, &field, is_message_header, is_body);
  return TRUE;
}

static gboolean
needs_header (const Search *search)
{
  for (guint i = 0; i < search->n_terms; i++)
    {
      const SatchelSearchTerm *term = &search->terms[i];
      if (term->kind == SATCHEL_SEARCH_HEADER && term->name != NULL
          && satchel_search_header (search->attributes, term->name, term->needle) != SATCHEL_MATCH_UNKNOWN)
        continue;
      if (!term->is_found && term->kind != SATCHEL_SEARCH_BODY)
        return TRUE;
    }
  return FALSE;
}

/* Searches the headers that the blob keeps, so that they need not be read again. */
static void
use_kept_headers (Search *search)
{
  for (guint i = 0; i < search->n_terms; i++)
    {
      SatchelSearchTerm *term = &search->terms[i];
      if (term->kind == SATCHEL_SEARCH_HEADER && term->name != NULL)
        term->is_found =
            satchel_search_header (search->attributes, term->name, term->needle) == SATCHEL_MATCH_YES;
    }
}

static gboolean
is_searchable (const SatchelPart *part)
{
  return part->kind == SATCHEL_PART_LEAF
         && (strcmp (part->type, "text") == 0 || strcmp (part->type, "message") == 0);
}

static gboolean
search_parts (Search *search, GError **error)
{
  SatchelPart part, parent;
  for (guint i = 0; satchel_attributes_part (search->attributes, i, &part); i++)
    {
      const gboolean is_enclosed = i > 0 && satchel_attributes_part (search->attributes, part.parent, &parent)
                                   && parent.kind == SATCHEL_PART_MESSAGE;
      const gboolean has_header = part.body_offset > part.header_offset;
      if (has_header && (i == 0 ? needs_header (search) : is_wanted (search, is_enclosed))
          && !search_header (search, &part, i == 0, is_enclosed, error))
        return FALSE;
      if (!is_wanted (search, TRUE))
        return TRUE;
      if (is_searchable (&part) && !search_body (search, &part, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
satchel_search_content (GBytes *attributes, SatchelStream *content, SatchelSearchTerm *terms, guint n_terms,
                        GError **error)
{
  Search search = {
    .attributes = attributes, .content = content, .terms = terms, .n_terms = n_terms, .is_ascii = TRUE
  };
  for (guint i = 0; i < n_terms; i++)
    {
      /* A zero-length string is in every header field of the name, and in every text (RFC 3501 6.4.4). */
      terms[i].is_found = terms[i].kind != SATCHEL_SEARCH_HEADER && terms[i].needle->len == 0;
      search.longest = MAX (search.longest, terms[i].needle->len);
      search.is_ascii = search.is_ascii && terms[i].needle->is_ascii;
    }
  use_kept_headers (&search);
  if (!needs_header (&search) && !is_wanted (&search, TRUE))
    return TRUE;
  search.block = g_malloc (BLOCK_BYTES);
  search.decoded = g_byte_array_new ();
  search.text = g_string_new (NULL);
  search.folded = g_string_new (NULL);
  gboolean is_ok = search_parts (&search, error);
  g_free (search.block);
  g_byte_array_unref (search.decoded);
  g_string_free (search.text, TRUE);
  g_string_free (search.folded, TRUE);
  return is_ok;
}
