/* SPDX-License-Identifier: MIT
 * Implements BINARY of FETCH (RFC 3516, RFC 9051 6.4.5), which sends parts without their transfer encoding.
 * A part is decoded twice in bounded memory: once to measure it, since the size and kind of a literal come
 * first, and once to send it. Runs in jobs.
 */
#include "messages/fetch.h"

#include <satchel/header.h>

#define BLOCK_BYTES 32768u
#define HEADER_BYTES_MAX (1024u * 1024) /* SATCHEL_SCAN_HEADER_BYTES: no part has a longer one */

void
imap_decoding_clear (ImapDecoding *decoding)
{
  g_clear_pointer (&decoding->piece, g_byte_array_unref);
}

/* Reads and decodes the next block into `piece`. */
static gboolean
decode_block (ImapDecoding *decoding, SatchelStream *content, GError **error)
{
  guint8 block[BLOCK_BYTES];
  gsize n = (gsize) MIN (decoding->end - decoding->at, sizeof block);
  gssize got = satchel_stream_read_at (content, decoding->at, block, n, error);
  if (got < 0)
    return FALSE;
  if ((gsize) got < n)
    return satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "the content is shorter than its attributes say");
  decoding->at += n;
  g_byte_array_set_size (decoding->piece, 0);
  satchel_transfer_decoder_push (&decoding->decoder, block, n, decoding->at == decoding->end,
                                 decoding->piece);
  decoding->n_decoded += decoding->piece->len;
  return TRUE;
}

/* Notes whether the piece has a NUL in the range [from, to). */
static void
look_for_nul (ImapDecoding *decoding, guint64 from, guint64 to)
{
  guint64 start = decoding->n_decoded - decoding->piece->len;
  guint64 first = MAX (from, start), end = MIN (to, decoding->n_decoded);
  if (first < end && memchr (decoding->piece->data + (first - start), '\0', (gsize) (end - first)) != NULL)
    decoding->has_nul = TRUE;
}

gboolean
imap_decoding_measure (ImapDecoding *decoding, const ImapSection *section, SatchelStream *content,
                       SatchelEncoding encoding, guint64 offset, guint64 len, GError **error)
{
  guint64 from = section->is_partial ? section->offset : 0;
  guint64 to = section->is_partial ? section->offset + section->count : G_MAXUINT64;
  ImapDecoding start;
  imap_decoding_clear (decoding);
  *decoding = (ImapDecoding) { .at = offset, .end = offset + len, .piece = g_byte_array_new () };
  satchel_transfer_decoder_init (&decoding->decoder, encoding);
  start = *decoding;
  while (decoding->at < decoding->end && decoding->n_decoded < to)
    {
      if (decoding->n_decoded <= from)
        start = *decoding;
      if (!decode_block (decoding, content, error))
        return FALSE;
      look_for_nul (decoding, from, to);
    }
  guint64 end = MIN (decoding->n_decoded, to);
  start.size = end > from ? end - from : 0;
  start.skip = from - MIN (from, start.n_decoded);
  start.has_nul = decoding->has_nul;
  g_byte_array_set_size (start.piece, 0);
  *decoding = start;
  return TRUE;
}

gssize
imap_decoding_read (ImapDecoding *decoding, SatchelStream *content, void *buffer, gsize len, GError **error)
{
  while (decoding->skip >= decoding->piece->len)
    {
      decoding->skip -= decoding->piece->len;
      if (decoding->at == decoding->end)
        return 0;
      if (!decode_block (decoding, content, error))
        return -1;
    }
  gsize n = MIN (len, decoding->piece->len - (gsize) decoding->skip);
  memcpy (buffer, decoding->piece->data + decoding->skip, n);
  decoding->skip += n;
  return (gssize) n;
}

/* ---- which encodings are known ---- */

static gboolean
is_identity (const char *value, gsize len)
{
  static const char *const names[] = { "7bit", "8bit", "binary" };
  g_auto (SatchelParameterized) field = { 0 };
  satchel_parameterized_parse (value, len, &field);
  if (field.token == NULL)
    return TRUE; /* a field without a usable value counts as missing */
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (strcmp (field.token, names[i]) == 0)
      return TRUE;
  return FALSE;
}

/* Finds out whether the encoding of a part is identity (*ret). The blob cannot distinguish that from an
 * unknown encoding, but the header of the part can. */
static gboolean
has_identity (SatchelStream *content, const SatchelPart *part, gboolean *ret, GError **error)
{
  gsize len = (gsize) MIN (part->body_offset - part->header_offset, HEADER_BYTES_MAX);
  g_autofree char *block = g_malloc (len + 1);
  gssize got = satchel_stream_read_at (content, part->header_offset, block, len, error);
  if (got < 0)
    return FALSE;
  SatchelHeaderReader reader;
  SatchelHeaderField field;
  satchel_header_reader_init (&reader, block, (gsize) got);
  *ret = TRUE;
  while (satchel_header_reader_next (&reader, &field))
    if (satchel_header_field_is (&field, "Content-Transfer-Encoding"))
      {
        *ret = is_identity (field.value, field.value_len);
        break;
      }
  return TRUE;
}

gboolean
imap_binary_encoding (const ImapSection *section, GBytes *attributes, SatchelStream *content,
                      gboolean *ret_is_known, SatchelEncoding *ret_encoding, GError **error)
{
  SatchelPart part;
  guint index;
  *ret_is_known = TRUE;
  *ret_encoding = SATCHEL_ENCODING_IDENTITY;
  /* The message as a whole and multiparts have no encoding (RFC 2045 6.4). */
  if (section->n_path == 0
      || !satchel_attributes_find_part (attributes, section->path, section->n_path, &index)
      || !satchel_attributes_part (attributes, index, &part) || part.kind == SATCHEL_PART_MULTIPART)
    return TRUE;
  *ret_encoding = part.encoding;
  return part.encoding != SATCHEL_ENCODING_IDENTITY || has_identity (content, &part, ret_is_known, error);
}
