/* SPDX-License-Identifier: MIT
 * Any bytes through every transfer encoding and charset, whole and in pieces.
 */
#include "core/mail/charset/charset_reader.h"
#include <satchel/charset.h>
#include <string.h>

#include "tests/fuzz/driver.h"

const gboolean fuzz_wants_mail = FALSE;
const char *const fuzz_seeds[] = { "\x01SGVsbG8=",
                                   "\x02"
                                   "a=3Db=\r\n c \r\n",
                                   "\x03"
                                   "begin 644 x\n#0V%T\n`\nend\n",
                                   "\x04\x1b$BF|K\\\x1b(B",
                                   "\x09"
                                   "Hi +Jjo-!",
                                   "\x05\xc3\xa9\xff",
                                   NULL };
const char *const fuzz_tokens[] = { "=", "=\r\n", "=4",   " ",    "\t",       "\r\n",   "\x1b$B", "\x1b(B",
                                    "+", "-",     "\xc3", "\xe9", "\xff\xfe", "begin ", "end",    NULL };

static const char *const charsets[] = { "utf-8",        "us-ascii", "iso-8859-1", "iso-2022-jp",
                                        "shift_jis",    "gb18030",  "big5",       "euc-kr",
                                        "utf-7",        "utf-16",   "utf-32le",   "iso-2022-kr",
                                        "windows-1258", "tcvn",     "x-none",     "iso-2022-jp-3" };

static char *
convert (const char *charset, const guint8 *data, gsize len, gsize piece)
{
  g_autoptr (SatchelCharsetReader) reader = satchel_charset_reader_new (charset);
  GString *out = g_string_new (NULL);
  for (gsize i = 0; i < len; i += piece)
    satchel_charset_reader_push (reader, data + i, MIN (piece, len - i), FALSE, out);
  satchel_charset_reader_push (reader, "", 0, TRUE, out);
  g_assert_true (g_utf8_validate_len (out->str, out->len, NULL));
  return g_string_free (out, FALSE);
}

static GByteArray *
decode (SatchelEncoding encoding, const guint8 *data, gsize len, gsize piece)
{
  GByteArray *out = g_byte_array_new ();
  SatchelTransferDecoder decoder;
  satchel_transfer_decoder_init (&decoder, encoding);
  for (gsize i = 0; i < len; i += piece)
    satchel_transfer_decoder_push (&decoder, data + i, MIN (piece, len - i), FALSE, out);
  satchel_transfer_decoder_push (&decoder, "", 0, TRUE, out);
  g_assert_cmpuint (out->len, <=, len + 80);
  return out;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  satchel_charset_preload ();
  if (size == 0)
    return 0;
  const char *charset = charsets[data[0] % G_N_ELEMENTS (charsets)];
  g_autofree char *whole = convert (charset, data + 1, size - 1, G_MAXINT);
  g_autofree char *pieces = convert (charset, data + 1, size - 1, 1 + size % 5);
  g_assert_cmpstr (whole, ==, pieces);
  for (int encoding = SATCHEL_ENCODING_IDENTITY; encoding <= SATCHEL_ENCODING_UUENCODE; encoding++)
    {
      g_autoptr (GByteArray) one = decode (encoding, data, size, G_MAXINT);
      g_autoptr (GByteArray) two = decode (encoding, data, size, 1 + size % 3);
      g_assert_cmpmem (one->data, one->len, two->data, two->len);
    }
  return 0;
}
