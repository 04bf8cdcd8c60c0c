/* SPDX-License-Identifier: MIT
 * Implements Content-Transfer-Encoding, decoded piece by piece (RFC 2045 6.7, 6.8; uuencode as POSIX has
 * it).
 */
#include "config.h"

#include <satchel/charset.h>
#include <string.h>

#include "core/mail/charset/charset_reader.h"
#include "core/mail/header/text.h"

SatchelEncoding
satchel_encoding_from_name (const char *name, gsize len)
{
  static const struct
  {
    const char *name;
    SatchelEncoding encoding;
  } names[] = { { "quoted-printable", SATCHEL_ENCODING_QUOTED_PRINTABLE },
                { "base64", SATCHEL_ENCODING_BASE64 },
                { "uuencode", SATCHEL_ENCODING_UUENCODE },
                { "x-uuencode", SATCHEL_ENCODING_UUENCODE },
                { "x-uue", SATCHEL_ENCODING_UUENCODE } };
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    if (strlen (names[i].name) == len && g_ascii_strncasecmp (names[i].name, name, len) == 0)
      return names[i].encoding;
  return SATCHEL_ENCODING_IDENTITY;
}

void
satchel_transfer_decoder_init (SatchelTransferDecoder *decoder, SatchelEncoding encoding)
{
  memset (decoder, 0, sizeof *decoder);
  decoder->encoding = encoding;
}

static void
append_byte (GByteArray *out, guint8 byte)
{
  g_byte_array_append (out, &byte, 1);
}

/* Returns 0 to 63; 64 is padding; 255 is to be skipped (RFC 2045 6.8: all other characters are ignored). */
static guint8
base64_value (guint8 c)
{
  if (c >= 'A' && c <= 'Z')
    return c - 'A';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 26;
  if (c >= '0' && c <= '9')
    return c - '0' + 52;
  if (c == '+')
    return 62;
  if (c == '/')
    return 63;
  return c == '=' ? 64 : 255;
}

static void
push_base64 (SatchelTransferDecoder *decoder, const guint8 *data, gsize len, GByteArray *out)
{
  static guint8 table[256];
  static gsize is_ready;
  if (g_once_init_enter (&is_ready))
    {
      for (guint i = 0; i < 256; i++)
        table[i] = base64_value ((guint8) i);
      g_once_init_leave (&is_ready, 1);
    }
  const guint start = out->len;
  g_byte_array_set_size (out, start + len / 4 * 3 + 4);
  guint8 *to = out->data + start;
  for (gsize i = 0; i < len; i++)
    {
      guint8 value = table[data[i]];
      if (value < 64)
        {
          decoder->bits = decoder->bits << 6 | value;
          decoder->n_bits += 6;
          if (decoder->n_bits >= 8)
            {
              decoder->n_bits -= 8;
              *to++ = (guint8) (decoder->bits >> decoder->n_bits);
            }
        }
      else if (value == 64)
        /* Padding ends a group; some mailers concatenate padded pieces. */
        decoder->n_bits = 0;
    }
  g_byte_array_set_size (out, (guint) (to - out->data));
}

/* `held` has "=" and what followed it so far, or white space that may turn out to end the line. */
static void
flush_held (SatchelTransferDecoder *decoder, GByteArray *out)
{
  g_byte_array_append (out, decoder->held, decoder->n_held);
  decoder->n_held = 0;
}

static void
qp_escape (SatchelTransferDecoder *decoder, guint8 c, GByteArray *out)
{
  if (c == '\n') /* soft line break, with or without white space before it */
    decoder->n_held = 0;
  else if (c == '\r'
           || ((c == ' ' || c == '\t') && decoder->n_held < sizeof decoder->held - 1
               && (decoder->n_held == 1 || !g_ascii_isxdigit (decoder->held[1]))))
    decoder->held[decoder->n_held++] = c;
  else if (decoder->n_held == 1 && g_ascii_isxdigit (c))
    decoder->held[decoder->n_held++] = c;
  else if (decoder->n_held == 2 && g_ascii_isxdigit (decoder->held[1]) && g_ascii_isxdigit (c))
    {
      append_byte (out, (guint8) (g_ascii_xdigit_value ((char) decoder->held[1]) << 4
                                  | g_ascii_xdigit_value ((char) c)));
      decoder->n_held = 0;
    }
  else
    {
      /* It was no escape after all, so it is shown as it stands (RFC 2045 6.7, note on robustness). */
      flush_held (decoder, out);
      if (c == '=')
        decoder->held[decoder->n_held++] = c;
      else
        append_byte (out, c);
    }
  if (decoder->n_held >= sizeof decoder->held - 1)
    flush_held (decoder, out);
}

static void
push_qp (SatchelTransferDecoder *decoder, const guint8 *data, gsize len, GByteArray *out)
{
  const guint8 *at = data, *end = data + len;
  while (at < end)
    {
      if (decoder->n_held > 0 && decoder->held[0] == '=')
        {
          qp_escape (decoder, *at++, out);
          continue;
        }
      if (decoder->n_held > 0)
        {
          /* RFC 2045 6.7 (3): white space at the end of a line was added on the way. */
          if (*at == '\n' || *at == '\r')
            decoder->n_held = 0;
          else if (*at != ' ' && *at != '\t')
            flush_held (decoder, out);
        }
      const guint8 *start = at;
      while (at < end && *at != '=' && *at != ' ' && *at != '\t')
        at++;
      g_byte_array_append (out, start, (guint) (at - start));
      if (at == end)
        break;
      if (decoder->n_held >= sizeof decoder->held - 1)
        flush_held (decoder, out);
      if (*at == '=')
        flush_held (decoder, out);
      decoder->held[decoder->n_held++] = *at++;
    }
}

/* Decodes one line, given without its end. */
static void
uu_line (SatchelTransferDecoder *decoder, const guint8 *line, guint len, GByteArray *out)
{
  if (decoder->state == 0)
    {
      decoder->state = len >= 6 && memcmp (line, "begin ", 6) == 0;
      return;
    }
  if (len == 0 || (len >= 3 && memcmp (line, "end", 3) == 0))
    {
      decoder->state = len == 0 ? decoder->state : 0;
      return;
    }
  guint n = (line[0] - 32u) & 63;
  for (guint i = 1; n > 0 && i + 1 < len; i += 4)
    {
      guint32 bits = 0;
      for (guint k = 0; k < 4; k++)
        bits = bits << 6 | (i + k < len ? (line[i + k] - 32u) & 63 : 0);
      for (guint k = 0; k < 3 && n > 0; k++, n--)
        append_byte (out, (guint8) (bits >> (16 - 8 * k)));
    }
}

static void
push_uu (SatchelTransferDecoder *decoder, const guint8 *data, gsize len, GByteArray *out)
{
  for (gsize i = 0; i < len; i++)
    if (data[i] == '\n')
      {
        guint n = decoder->n_held;
        if (n > 0 && decoder->held[n - 1] == '\r')
          n--;
        uu_line (decoder, decoder->held, n, out);
        decoder->n_held = 0;
      }
    else if (decoder->n_held < sizeof decoder->held)
      decoder->held[decoder->n_held++] = data[i];
}

void
satchel_transfer_decoder_push (SatchelTransferDecoder *decoder, const void *data, gsize len, gboolean is_last,
                               GByteArray *out)
{
  switch (decoder->encoding)
    {
    case SATCHEL_ENCODING_IDENTITY:
      g_byte_array_append (out, data, (guint) len);
      break;
    case SATCHEL_ENCODING_BASE64:
      push_base64 (decoder, data, len, out);
      break;
    case SATCHEL_ENCODING_QUOTED_PRINTABLE:
      push_qp (decoder, data, len, out);
      /* At the very end "=" is a soft line break, and the white space behind it was added later. */
      if (is_last && decoder->n_held > 1 && decoder->held[0] == '=')
        flush_held (decoder, out);
      break;
    case SATCHEL_ENCODING_UUENCODE:
      push_uu (decoder, data, len, out);
      if (is_last && decoder->n_held > 0)
        push_uu (decoder, (const guint8 *) "\n", 1, out);
      break;
    }
}
