/* SPDX-License-Identifier: MIT
 * Implements encoded words in header values (RFC 2047; language tags of RFC 2231 5). Words that break the
 * rules are decoded as clients do: inside quoted strings, without white space around, with blanks inside,
 * characters split over words.
 */
#include "config.h"

#include "core/mail/charset/charset_reader.h"
#include <satchel/charset.h>
#include <satchel/header.h>
#include <string.h>

typedef struct EncodedWord
{
  const char *charset, *text;
  gsize charset_len, text_len;
  char encoding; /* 'q' or 'b' (RFC 2047 4) */
} EncodedWord;

typedef struct WordDecoder
{
  const char *at, *end;
  /* The first "?=" at or behind the last place where it was looked for, which keeps the search linear. */
  const char *next_close;
  GString *out;
  GByteArray *pending; /* bytes of adjacent words of one charset, not converted yet */
  char charset[64];
} WordDecoder;

static const char *
find_close (WordDecoder *decoder, const char *from)
{
  if (decoder->next_close != NULL && decoder->next_close >= from)
    return decoder->next_close;
  const char *at = from;
  while (at + 1 < decoder->end && (at = memchr (at, '?', decoder->end - at - 1)) != NULL)
    {
      if (at[1] == '=')
        return decoder->next_close = at;
      at++;
    }
  return decoder->next_close = decoder->end;
}

/* Parses an encoded word at "=?". TRUE means that @ret has its pieces, and @ret_after the place behind it. */
static gboolean
parse_word (WordDecoder *decoder, const char *at, EncodedWord *ret_word, const char **ret_after)
{
  const char *end = decoder->end;
  const char *charset = at + 2;
  const char *mark = end - charset > 0 ? memchr (charset, '?', MIN (end - charset, 64)) : NULL;
  if (mark == NULL || end - mark < 4 || mark[2] != '?')
    return FALSE;
  char encoding = g_ascii_tolower (mark[1]);
  if (encoding != 'q' && encoding != 'b')
    return FALSE;
  for (const char *c = charset; c < mark; c++)
    if ((guchar) *c <= ' ' || (guchar) *c >= 127)
      return FALSE;
  const char *text = mark + 3;
  const char *close = find_close (decoder, text);
  if (close == end)
    return FALSE;
  const char *star = memchr (charset, '*', mark - charset);
  ret_word->charset = charset;
  ret_word->charset_len = (star != NULL ? star : mark) - charset;
  ret_word->encoding = encoding;
  ret_word->text = text;
  ret_word->text_len = close - text;
  *ret_after = close + 2;
  return TRUE;
}

static void
flush_pending (WordDecoder *decoder)
{
  if (decoder->pending->len == 0)
    return;
  gsize len;
  g_autofree char *text =
      satchel_charset_to_utf8 (decoder->charset, decoder->pending->data, decoder->pending->len, &len);
  /* A line end in an encoded word would let a header grow another line. */
  for (gsize i = 0; i < len; i++)
    if (text[i] == '\r' || text[i] == '\n')
      text[i] = ' ';
  g_string_append_len (decoder->out, text, len);
  g_byte_array_set_size (decoder->pending, 0);
}

static void
decode_q (const EncodedWord *word, GByteArray *out)
{
  for (gsize i = 0; i < word->text_len; i++)
    {
      guint8 c = (guint8) word->text[i];
      if (c == '_')
        c = ' '; /* "_" stands for a space (RFC 2047 4.2 (2)) */
      else if (c == '=' && i + 2 < word->text_len && g_ascii_isxdigit (word->text[i + 1])
               && g_ascii_isxdigit (word->text[i + 2]))
        {
          c = (guint8) (g_ascii_xdigit_value (word->text[i + 1]) << 4
                        | g_ascii_xdigit_value (word->text[i + 2]));
          i += 2;
        }
      g_byte_array_append (out, &c, 1);
    }
}

static void
add_word (WordDecoder *decoder, const EncodedWord *word)
{
  gsize len = MIN (word->charset_len, sizeof decoder->charset - 1);
  if (strlen (decoder->charset) != len || g_ascii_strncasecmp (decoder->charset, word->charset, len) != 0)
    {
      flush_pending (decoder);
      memcpy (decoder->charset, word->charset, len);
      decoder->charset[len] = '\0';
    }
  if (word->encoding == 'q')
    {
      decode_q (word, decoder->pending);
      return;
    }
  SatchelTransferDecoder base64;
  satchel_transfer_decoder_init (&base64, SATCHEL_ENCODING_BASE64);
  satchel_transfer_decoder_push (&base64, word->text, word->text_len, TRUE, decoder->pending);
}

/* Adds text outside of encoded words: as UTF-8 if it is valid, else as Latin-1. */
static void
add_text (WordDecoder *decoder, const char *text, gsize len)
{
  flush_pending (decoder);
  gboolean is_ascii = TRUE;
  for (gsize i = 0; i < len && is_ascii; i++)
    is_ascii = (guchar) text[i] < 0x80;
  if (is_ascii)
    {
      g_string_append_len (decoder->out, text, len);
      return;
    }
  gsize converted_len;
  g_autofree char *converted = satchel_charset_to_utf8 (
      g_utf8_validate_len (text, len, NULL) ? "utf-8" : "iso-8859-1", text, len, &converted_len);
  g_string_append_len (decoder->out, converted, converted_len);
}

static gboolean
is_blank (const char *at, const char *end)
{
  while (at < end && (*at == ' ' || *at == '\t'))
    at++;
  return at == end;
}

char *
satchel_header_decode (const char *value, gsize len, gsize *ret_len)
{
  gsize unfolded_len;
  g_autofree char *unfolded = satchel_header_unfold (value, len, &unfolded_len);
  WordDecoder decoder = { .at = unfolded, .end = unfolded + unfolded_len };
  decoder.out = g_string_sized_new (unfolded_len + 1);
  decoder.pending = g_byte_array_new ();
  const char *text_start = decoder.at; /* where the text begins that was not added yet */
  gboolean after_word = FALSE;

  while (decoder.at < decoder.end)
    {
      EncodedWord word;
      const char *after, *mark = memchr (decoder.at, '=', decoder.end - decoder.at);
      if (mark == NULL)
        break;
      decoder.at = mark + 1;
      if (decoder.at == decoder.end || *decoder.at != '?' || !parse_word (&decoder, mark, &word, &after))
        continue;
      /* RFC 2047 6.2: white space between adjacent encoded words is not shown. */
      if (mark > text_start && !(after_word && is_blank (text_start, mark)))
        add_text (&decoder, text_start, mark - text_start);
      add_word (&decoder, &word);
      decoder.at = text_start = after;
      after_word = TRUE;
    }
  if (text_start < decoder.end)
    add_text (&decoder, text_start, decoder.end - text_start);
  flush_pending (&decoder);
  g_byte_array_unref (decoder.pending);
  if (ret_len != NULL)
    *ret_len = decoder.out->len;
  return g_string_free (decoder.out, FALSE);
}
