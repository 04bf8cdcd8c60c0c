/* SPDX-License-Identifier: MIT
 * This file converts charsets to UTF-8 by iconv.  Only charsets of the table are asked for, so that neither
 * a mail nor a client decides which converter is loaded, and a sandboxed process can have all of them open
 * beforehand.
 */
#include "config.h"

#include "core/mail/charset/charset_reader.h"

#include <errno.h>
#include <iconv.h>
#include <string.h>

/* This table maps names as mail has them, in lower case, to names for iconv.  Where senders use a superset of
 * what they name, it has the superset. */
static const struct
{
  const char *name, *iconv_name;
} charsets[] = {
  { "utf-8", "UTF-8" },
  { "utf8", "UTF-8" },
  { "unicode-1-1-utf-8", "UTF-8" },
  { "us-ascii", "US-ASCII" },
  { "ascii", "US-ASCII" },
  { "ansi_x3.4-1968", "US-ASCII" },
  { "iso646-us", "US-ASCII" },
  { "iso-8859-1", "CP1252" },
  { "iso8859-1", "CP1252" },
  { "iso_8859-1", "CP1252" },
  { "latin1", "CP1252" },
  { "windows-1252", "CP1252" },
  { "cp1252", "CP1252" },
  { "x-cp1252", "CP1252" },
  { "iso-8859-2", "ISO-8859-2" },
  { "iso8859-2", "ISO-8859-2" },
  { "latin2", "ISO-8859-2" },
  { "iso-8859-3", "ISO-8859-3" },
  { "iso-8859-4", "ISO-8859-4" },
  { "iso-8859-5", "ISO-8859-5" },
  { "iso-8859-6", "ISO-8859-6" },
  { "iso-8859-6-i", "ISO-8859-6" },
  { "iso-8859-7", "ISO-8859-7" },
  { "iso-8859-8", "ISO-8859-8" },
  { "iso-8859-8-i", "ISO-8859-8" },
  { "iso-8859-8-e", "ISO-8859-8" },
  { "iso-8859-9", "CP1254" },
  { "latin5", "CP1254" },
  { "iso-8859-10", "ISO-8859-10" },
  { "iso-8859-11", "CP874" },
  { "tis-620", "CP874" },
  { "windows-874", "CP874" },
  { "iso-8859-13", "ISO-8859-13" },
  { "iso-8859-14", "ISO-8859-14" },
  { "iso-8859-15", "ISO-8859-15" },
  { "iso8859-15", "ISO-8859-15" },
  { "latin-9", "ISO-8859-15" },
  { "iso-8859-16", "ISO-8859-16" },
  { "windows-1250", "CP1250" },
  { "cp1250", "CP1250" },
  { "windows-1251", "CP1251" },
  { "cp1251", "CP1251" },
  { "windows-1253", "CP1253" },
  { "cp1253", "CP1253" },
  { "windows-1254", "CP1254" },
  { "cp1254", "CP1254" },
  { "windows-1255", "CP1255" },
  { "cp1255", "CP1255" },
  { "windows-1256", "CP1256" },
  { "cp1256", "CP1256" },
  { "windows-1257", "CP1257" },
  { "cp1257", "CP1257" },
  { "windows-1258", "CP1258" },
  { "cp1258", "CP1258" },
  { "koi8-r", "KOI8-R" },
  { "koi8-u", "KOI8-U" },
  { "koi8-ru", "KOI8-U" },
  { "koi8-t", "KOI8-T" },
  { "gb2312", "GB18030" },
  { "gbk", "GB18030" },
  { "gb18030", "GB18030" },
  { "x-gbk", "GB18030" },
  { "cp936", "GB18030" },
  { "ms936", "GB18030" },
  { "euc-cn", "GB18030" },
  { "gb_2312-80", "GB18030" },
  { "big5", "BIG5-HKSCS" },
  { "big5-hkscs", "BIG5-HKSCS" },
  { "x-big5", "BIG5-HKSCS" },
  { "cp950", "CP950" },
  { "euc-tw", "EUC-TW" },
  { "iso-2022-cn", "ISO-2022-CN" },
  { "euc-jp", "EUC-JP-MS" },
  { "x-euc-jp", "EUC-JP-MS" },
  { "iso-2022-jp", "ISO-2022-JP" },
  { "iso-2022-jp-1", "ISO-2022-JP-2" },
  { "iso-2022-jp-2", "ISO-2022-JP-2" },
  { "iso-2022-jp-3", "ISO-2022-JP-3" },
  { "cp50220", "ISO-2022-JP" },
  { "shift_jis", "CP932" },
  { "shift-jis", "CP932" },
  { "sjis", "CP932" },
  { "x-sjis", "CP932" },
  { "cp932", "CP932" },
  { "ms_kanji", "CP932" },
  { "windows-31j", "CP932" },
  { "euc-kr", "CP949" },
  { "ks_c_5601-1987", "CP949" },
  { "ks_c_5601-1989", "CP949" },
  { "ksc_5601", "CP949" },
  { "cp949", "CP949" },
  { "ms949", "CP949" },
  { "uhc", "CP949" },
  { "iso-2022-kr", "ISO-2022-KR" },
  { "johab", "JOHAB" },
  { "viscii", "VISCII" },
  { "tcvn", "TCVN" },
  { "tcvn-5712", "TCVN" },
  { "armscii-8", "ARMSCII-8" },
  { "georgian-ps", "GEORGIAN-PS" },
  { "macintosh", "MACINTOSH" },
  { "x-mac-roman", "MACINTOSH" },
  { "x-mac-cyrillic", "MAC-CYRILLIC" },
  { "ibm437", "CP437" },
  { "cp437", "CP437" },
  { "ibm850", "CP850" },
  { "cp850", "CP850" },
  { "ibm852", "CP852" },
  { "cp852", "CP852" },
  { "ibm855", "CP855" },
  { "cp855", "CP855" },
  { "ibm862", "CP862" },
  { "cp862", "CP862" },
  { "ibm866", "CP866" },
  { "cp866", "CP866" },
  { "utf-7", "UTF-7" },
  { "unicode-1-1-utf-7", "UTF-7" },
  { "utf-16", "UTF-16" },
  { "utf-16le", "UTF-16LE" },
  { "utf-16be", "UTF-16BE" },
  { "utf-32", "UTF-32" },
  { "utf-32le", "UTF-32LE" },
  { "utf-32be", "UTF-32BE" },
  { "ucs-2", "UTF-16" },
  { "hp-roman8", "HP-ROMAN8" },
};

/* Returns the name for iconv, NULL if unknown. */
static const char *
find_charset (const char *name)
{
  char lower[40];
  gsize len = strlen (name);
  if (len == 0 || len >= sizeof lower)
    return NULL;
  for (gsize i = 0; i <= len; i++)
    lower[i] = g_ascii_tolower (name[i]);
  for (gsize i = 0; i < G_N_ELEMENTS (charsets); i++)
    if (strcmp (charsets[i].name, lower) == 0)
      return charsets[i].iconv_name;
  return NULL;
}

gboolean
satchel_charset_is_known (const char *charset)
{
  return find_charset (charset) != NULL;
}

gboolean
satchel_charset_is_ascii_superset (const char *charset)
{
  static const char *const others[] = {
    "GB18030",  "BIG5-HKSCS", "CP950",       "ISO-2022-CN", "ISO-2022-JP", "ISO-2022-JP-2", "ISO-2022-JP-3",
    "CP932",    "CP949",      "ISO-2022-KR", "JOHAB",       "UTF-7",       "UTF-16",        "UTF-16LE",
    "UTF-16BE", "UTF-32",     "UTF-32LE",    "UTF-32BE",    "VISCII",      "TCVN",          NULL
  };
  const char *name = find_charset (charset);
  return name == NULL || !g_strv_contains (others, name);
}

/* Converters are never closed: glibc keeps a converter's object mapped while a descriptor uses it. */
static struct
{
  iconv_t converters[G_N_ELEMENTS (charsets)];
  guint n;
} preloaded;

void
satchel_charset_preload (void)
{
  static gsize is_done;
  if (!g_once_init_enter (&is_done))
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (charsets); i++)
    if (i == 0 || strcmp (charsets[i].iconv_name, charsets[i - 1].iconv_name) != 0)
      preloaded.converters[preloaded.n++] = iconv_open ("UTF-8", charsets[i].iconv_name);
  g_once_init_leave (&is_done, 1);
}

typedef enum
{
  /* US-ASCII or an unknown charset: whether bytes above 127 are UTF-8 or Latin-1 is guessed */
  READER_UTF8_OR_LATIN1 = 0,
  READER_UTF8,
  READER_ICONV
} ReaderKind;

struct SatchelCharsetReader
{
  ReaderKind kind;
  iconv_t converter;
  gboolean is_ascii_superset;
  guint n_bad;
  guint8 held[16]; /* the start of a character whose rest comes with the next piece */
  guint n_held;
};

SatchelCharsetReader *
satchel_charset_reader_new (const char *charset)
{
  SatchelCharsetReader *reader = g_new0 (SatchelCharsetReader, 1);
  const char *name = find_charset (charset);
  if (name == NULL || strcmp (name, "US-ASCII") == 0)
    return reader;
  if (strcmp (name, "UTF-8") == 0)
    {
      reader->kind = READER_UTF8;
      return reader;
    }
  reader->converter = iconv_open ("UTF-8", name);
  if (reader->converter != (iconv_t) -1)
    reader->kind = READER_ICONV;
  reader->is_ascii_superset = satchel_charset_is_ascii_superset (charset);
  return reader;
}

void
satchel_charset_reader_free (SatchelCharsetReader *reader)
{
  if (reader->kind == READER_ICONV)
    iconv_close (reader->converter);
  g_free (reader);
}

/* Returns the length of the valid UTF-8 sequence at @at; 0: there is none; -1: @end cuts it. */
static int
utf8_length (const guint8 *at, const guint8 *end)
{
  gunichar c = g_utf8_get_char_validated ((const char *) at, end - at);
  /* GLib returns -2 also for a NUL inside a character. */
  if (c == (gunichar) -2)
    return end - at < g_utf8_skip[*at] ? -1 : 0;
  return c == (gunichar) -1 || c == 0 ? 0 : g_utf8_skip[*at];
}

static void
append_latin1 (GString *out, guint8 byte)
{
  g_string_append_c (out, (char) (0xc0 | byte >> 6));
  g_string_append_c (out, (char) (0x80 | (byte & 0x3f)));
}

/* Converts UTF-8.  A byte that is not valid becomes U+FFFD or, if the charset is guessed, is read as Latin-1.
 * Returns how many bytes at the end were left because they are an incomplete character. */
static gsize
push_utf8 (SatchelCharsetReader *reader, const guint8 *data, gsize len, gboolean is_last, GString *out)
{
  const guint8 *at = data, *end = data + len;
  while (at < end)
    {
      const guint8 *start = at;
      while (at < end && *at < 0x80 && *at != 0)
        at++;
      g_string_append_len (out, (const char *) start, at - start);
      if (at == end)
        break;
      int n = *at == 0 ? 0 : utf8_length (at, end);
      if (n < 0 && !is_last)
        return end - at;
      if (n > 0)
        g_string_append_len (out, (const char *) at, n);
      else if (*at != 0)
        {
          reader->n_bad++;
          if (reader->kind == READER_UTF8)
            g_string_append_len (out, "\xef\xbf\xbd", 3);
          else
            append_latin1 (out, *at);
        }
      at += n > 0 ? n : 1;
    }
  return 0;
}

static void
append_converted (GString *out, char *text, gsize len)
{
  /* A NUL means nothing in text, and would end our strings, so it is left out. */
  if (memchr (text, '\0', len) == NULL)
    g_string_append_len (out, text, len);
  else
    for (gsize i = 0; i < len; i++)
      if (text[i] != '\0')
        g_string_append_c (out, text[i]);
}

/* Converts a chunk. @may_hold: an incomplete character at the end of @data is left unconverted. Returns the
 * number of bytes left. */
static gsize
convert_chunk (SatchelCharsetReader *reader, const guint8 *data, gsize len, gboolean may_hold, GString *out)
{
  char *in = (char *) data;
  char buffer[4096];
  while (len > 0)
    {
      char *to = buffer;
      gsize room = sizeof buffer;
      gsize result = iconv (reader->converter, &in, &len, &to, &room);
      int saved_errno = errno;
      append_converted (out, buffer, to - buffer);
      if (result != (gsize) -1 || saved_errno == E2BIG)
        continue;
      if (saved_errno == EINVAL && may_hold && len <= sizeof reader->held)
        return len;
      reader->n_bad++;
      g_string_append_len (out, "\xef\xbf\xbd", 3);
      in++;
      len--;
    }
  return 0;
}

static gsize
push_iconv (SatchelCharsetReader *reader, const guint8 *data, gsize len, gboolean is_last, GString *out)
{
  const guint8 *at = data, *end = data + len;
  /* Runs of ASCII need no converter where they can mean nothing else. */
  while (reader->is_ascii_superset && at < end)
    {
      const guint8 *start = at;
      while (at < end && *at < 0x80)
        at++;
      append_converted (out, (char *) start, at - start);
      start = at;
      while (at < end && *at >= 0x80)
        at++;
      gsize left = convert_chunk (reader, start, at - start, at == end && !is_last, out);
      if (left > 0)
        return left;
    }
  gsize left = convert_chunk (reader, at, end - at, !is_last, out);
  if (left == 0 && is_last)
    {
      char buffer[64], *to = buffer;
      gsize room = sizeof buffer;
      iconv (reader->converter, NULL, NULL, &to, &room);
      append_converted (out, buffer, to - buffer);
    }
  return left;
}

void
satchel_charset_reader_push (SatchelCharsetReader *reader, const void *data, gsize len, gboolean is_last,
                             GString *out)
{
  gsize (*push) (SatchelCharsetReader *, const guint8 *, gsize, gboolean, GString *) =
      reader->kind == READER_ICONV ? push_iconv : push_utf8;
  const guint8 *bytes = data;
  /* A character whose start is held is completed byte by byte, since it has a few bytes at most. */
  while (reader->n_held > 0 && len > 0)
    {
      if (reader->n_held == sizeof reader->held)
        reader->n_held = 0;
      reader->held[reader->n_held++] = *bytes++;
      len--;
      gsize n_total = reader->n_held;
      gsize left = push (reader, reader->held, n_total, FALSE, out);
      memmove (reader->held, reader->held + n_total - left, left);
      reader->n_held = left;
    }
  if (reader->n_held > 0 && is_last)
    {
      push (reader, reader->held, reader->n_held, TRUE, out);
      reader->n_held = 0;
    }
  if (len == 0)
    return;
  gsize left = push (reader, bytes, len, is_last, out);
  g_return_if_fail (left <= sizeof reader->held);
  memcpy (reader->held, bytes + len - left, left);
  reader->n_held = left;
}

char *
satchel_charset_to_utf8 (const char *charset, const void *data, gsize len, gsize *ret_len)
{
  g_autoptr (SatchelCharsetReader) reader = satchel_charset_reader_new (charset);
  GString *out = g_string_sized_new (len + 1);
  satchel_charset_reader_push (reader, data, len, TRUE, out);
  if (ret_len != NULL)
    *ret_len = out->len;
  return g_string_free (out, FALSE);
}

char *
satchel_charset_to_utf8_strict (const char *charset, const void *data, gsize len, gsize *ret_len,
                                GError **error)
{
  if (!satchel_charset_is_known (charset))
    {
      satchel_error_set (error, SATCHEL_ERROR_BADCHARSET, "the charset is unknown");
      return NULL;
    }
  g_autoptr (SatchelCharsetReader) reader = satchel_charset_reader_new (charset);
  g_autoptr (GString) out = g_string_sized_new (len + 1);
  satchel_charset_reader_push (reader, data, len, TRUE, out);
  /* This comes last, since US-ASCII with 8-bit bytes does not convert either. */
  if (reader->n_bad > 0 || memchr (data, 0, len) != NULL
      || (g_ascii_strcasecmp (charset, "utf-8") != 0 && reader->kind == READER_UTF8_OR_LATIN1
          && !g_str_is_ascii (out->str)))
    {
      satchel_error_set (error, SATCHEL_ERROR_INVALID,
                         "the text is not in the charset that it is labelled with");
      return NULL;
    }
  if (ret_len != NULL)
    *ret_len = out->len;
  return g_string_free (g_steal_pointer (&out), FALSE);
}
