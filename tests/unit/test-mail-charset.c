/* SPDX-License-Identifier: MIT
 * Charsets, transfer encodings, case folding: whole and cut at every byte.
 */
#include "core/mail/charset/casefold.h"
#include "core/mail/charset/charset_reader.h"
#include <satchel/charset.h>
#include <string.h>

static const struct
{
  const char *charset, *bytes, *text;
} texts[] = {
  { "utf-8", "gr\xc3\xbc\xc3\x9f", "grüß" },
  { "UTF-8", "a\xff\xc3", "a\xef\xbf\xbd\xef\xbf\xbd" },
  { "iso-8859-1", "caf\xe9", "café" },
  { "ISO-8859-15", "\xa4", "€" },
  { "windows-1252", "\x93q\x94", "“q”" },
  { "iso-8859-1", "\x93q\x94", "“q”" }, /* what senders mean */
  { "koi8-r", "\xf0\xd2\xc9\xd7\xc5\xd4", "Привет" },
  { "iso-2022-jp", "\x1b$BF|K\\\x1b(B", "日本" },
  { "shift_jis", "\x93\xfa\x96\x7b", "日本" },
  { "euc-jp", "\xc6\xfc\xcb\xdc", "日本" },
  { "gb2312", "\xc4\xe3", "你" },
  { "big5", "\xa7\x41", "你" },
  { "ks_c_5601-1987", "\xb0\xa1", "가" },
  { "utf-7", "Hi Mom +Jjo-!", "Hi Mom ☺!" },
  { "us-ascii", "caf\xe9", "café" },
  { "us-ascii", "caf\xc3\xa9", "café" },
  { "no-such", "caf\xc3\xa9 \xe9", "café é" },
  { "", "plain", "plain" },
  { "utf-8//TRANSLIT", "a", "a" },
};

static void
test_charsets (void)
{
  satchel_charset_preload ();
  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autofree char *text =
          satchel_charset_to_utf8 (texts[i].charset, texts[i].bytes, strlen (texts[i].bytes), NULL);
      g_assert_cmpstr (text, ==, texts[i].text);
      /* One byte at a time. */
      g_autoptr (SatchelCharsetReader) reader = satchel_charset_reader_new (texts[i].charset);
      g_autoptr (GString) out = g_string_new (NULL);
      for (gsize k = 0; k < strlen (texts[i].bytes); k++)
        satchel_charset_reader_push (reader, texts[i].bytes + k, 1, FALSE, out);
      satchel_charset_reader_push (reader, "", 0, TRUE, out);
      g_assert_cmpstr (out->str, ==, texts[i].text);
    }
  g_assert_true (satchel_charset_is_known ("Windows-1252"));
  g_assert_false (satchel_charset_is_known ("utf-8//IGNORE"));
  g_assert_false (satchel_charset_is_known (""));
  g_assert_false (satchel_charset_is_known ("../../../../../../../../../../../../tmp/x"));
}

/* A NUL inside a character of a long text: found by fuzzing. */
static void
test_nul_inside (void)
{
  g_autofree char *text = g_strnfill (1000, 'x');
  memcpy (text, "\xe3\x81\0y", 4);
  g_autoptr (SatchelCharsetReader) reader = satchel_charset_reader_new ("utf-8");
  g_autoptr (GString) out = g_string_new (NULL);
  satchel_charset_reader_push (reader, text, 1000, FALSE, out);
  g_assert_true (g_utf8_validate_len (out->str, out->len, NULL));
  g_assert_cmpuint (out->len, ==, 3 + 3 + 997);
}

static void
test_strict (void)
{
  g_autoptr (GError) unknown = NULL, broken = NULL, ascii = NULL;
  gsize len;
  g_assert_null (satchel_charset_to_utf8_strict ("x-none", "a", 1, &len, &unknown));
  g_assert_error (unknown, SATCHEL_ERROR, SATCHEL_ERROR_BADCHARSET);
  g_assert_null (satchel_charset_to_utf8_strict ("utf-8", "\xff", 1, &len, &broken));
  g_assert_error (broken, SATCHEL_ERROR, SATCHEL_ERROR_INVALID);
  g_assert_null (satchel_charset_to_utf8_strict ("us-ascii", "\xc3\xa9", 2, &len, &ascii));
  g_assert_error (ascii, SATCHEL_ERROR, SATCHEL_ERROR_INVALID);
  g_autofree char *text = satchel_charset_to_utf8_strict ("iso-8859-1", "\xe9", 1, &len, NULL);
  g_assert_cmpstr (text, ==, "é");
  g_assert_cmpuint (len, ==, 2);
}

static char *
decode (SatchelEncoding encoding, const char *data, gsize piece)
{
  SatchelTransferDecoder decoder;
  GByteArray *out = g_byte_array_new ();
  gsize len = strlen (data);
  satchel_transfer_decoder_init (&decoder, encoding);
  for (gsize i = 0; i < len; i += piece)
    satchel_transfer_decoder_push (&decoder, data + i, MIN (piece, len - i), i + piece >= len, out);
  g_byte_array_append (out, (const guint8 *) "", 1);
  return (char *) g_byte_array_free (out, FALSE);
}

static void
test_transfer (void)
{
  static const struct
  {
    SatchelEncoding encoding;
    const char *data, *text;
  } cases[] = {
    { SATCHEL_ENCODING_BASE64, "SGVsbG8s\r\nIHdvcmxk\r\n", "Hello, world" },
    { SATCHEL_ENCODING_BASE64, "SGVsbG8=", "Hello" },
    { SATCHEL_ENCODING_BASE64, "SGVsbG8", "Hello" },
    { SATCHEL_ENCODING_BASE64, "SG!V*s bG8=SGVsbG8=", "HelloHello" },
    /* RFC 2045 6.7 */
    { SATCHEL_ENCODING_QUOTED_PRINTABLE,
      "Now's the time =\r\nfor all folk to come=\r\n to the aid of their country.",
      "Now's the time for all folk to come to the aid of their country." },
    { SATCHEL_ENCODING_QUOTED_PRINTABLE, "a=3Db=0d=0A \t \r\nc  \n d=", "a=b\r\n\r\nc\n d" },
    { SATCHEL_ENCODING_QUOTED_PRINTABLE, "soft= \t\r\nbreak =\nx", "softbreak x" },
    { SATCHEL_ENCODING_QUOTED_PRINTABLE, "bad =4 =G1 ==41 end", "bad =4 =G1 =A end" },
    { SATCHEL_ENCODING_QUOTED_PRINTABLE, "gr=c3=bc=C3=9F", "grüß" },
    { SATCHEL_ENCODING_UUENCODE, "text before\r\nbegin 644 x\r\n#0V%T\r\n`\r\nend\r\nafter\r\n", "Cat" },
    { SATCHEL_ENCODING_IDENTITY, "as it is =41", "as it is =41" },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    for (gsize piece = 1; piece <= 100; piece += piece < 4 ? 1 : 96)
      {
        g_autofree char *text = decode (cases[i].encoding, cases[i].data, piece);
        g_assert_cmpstr (text, ==, cases[i].text);
      }
  g_assert_cmpint (satchel_encoding_from_name ("Quoted-Printable", 16), ==,
                   SATCHEL_ENCODING_QUOTED_PRINTABLE);
  g_assert_cmpint (satchel_encoding_from_name ("8bit", 4), ==, SATCHEL_ENCODING_IDENTITY);
}

static void
test_casefold (void)
{
  static const struct
  {
    const char *text, *folded;
  } cases[] = {
    { "Hello WORLD [@Z`{", "hello world [@z`{" },
    { "GRÜSSE", "grüsse" },
    { "Grüße", "grüsse" },
    { "ΣΊΣΥΦΟΣ", "σίσυφοσ" },
    { "ПРИВЕТ Ё", "привет ё" },
    { "E\xcc\x81"
      "cole",
      "école" }, /* decomposed */
    { "xE\xcc\x81\xcc\xa7y", "x\xc8\xa9\xcc\x81y" },
    { "Ü\xcc\x84", "\xc7\x96" }, /* table character and a mark that composes with it */
    { "日本E\xcc\x81", "日本é" },
    { "가\xe1\x86\xa8", "각" }, /* Hangul syllable and a trailing letter */
    { "Ａ", "ａ" },
    { "İ", "i̇" },
    { "a\xff"
      "B",
      "a\xef\xbf\xbd"
      "b" },
    { "", "" },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      gsize len;
      g_autofree char *folded = satchel_casefold (cases[i].text, strlen (cases[i].text), &len);
      g_assert_cmpstr (folded, ==, cases[i].folded);
      g_assert_cmpuint (len, ==, strlen (folded));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mail/charset/convert", test_charsets);
  g_test_add_func ("/mail/charset/nul-inside", test_nul_inside);
  g_test_add_func ("/mail/charset/strict", test_strict);
  g_test_add_func ("/mail/charset/transfer", test_transfer);
  g_test_add_func ("/mail/charset/casefold", test_casefold);
  return g_test_run ();
}
