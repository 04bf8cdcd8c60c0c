/* SPDX-License-Identifier: MIT
 * A needle and a message: the result is the same however reads are cut, and decoders take any bytes.
 */
#include "core/mail/charset/casefold.h"
#include "core/mail/charset/charset_reader.h"
#include <satchel/charset.h>
#include <satchel/search.h>
#include <string.h>

#include "tests/fuzz/driver.h"
#include "tests/lib/scan_check.h"

const gboolean fuzz_wants_mail = TRUE;
const char *const fuzz_seeds[] = {
  "\x03"
  "foxSubject: a\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
  "quoted-printable\r\n\r\nf=\r\no=78 \xc3\x9c"
  "e\xcc\x81",
  "\x02"
  "\xc3\xa9"
  "Content-Type: text/plain; charset=iso-2022-jp\r\nContent-Transfer-Encoding: "
  "base64\r\n\r\nGyRCRnxLXBsoQg==",
  NULL
};
const char *const fuzz_tokens[] = { "=\r\n",         "=C3=A9",         "\xc3\xa9", "e\xcc\x81",
                                    "\xcc\x81",      "\xe1\x86\xa8",   "\xff",     "charset=utf-16le",
                                    "charset=utf-7", "charset=gb2312", "base64",   "=",
                                    "fox",           "\x1b$B",         "\r\n\r\n", NULL };

/* Reads of at most `piece` bytes. */
typedef struct Pieces
{
  SatchelStream stream;
  SatchelStream *below;
  gsize piece;
} Pieces;

static gssize
pieces_read_at (SatchelStream *stream, guint64 offset, void *buffer, gsize len, GError **error)
{
  Pieces *pieces = (Pieces *) stream;
  return satchel_stream_read_at (pieces->below, offset, buffer, MIN (len, pieces->piece), error);
}

static gint64
pieces_length (SatchelStream *stream, GError **error)
{
  return satchel_stream_length (((Pieces *) stream)->below, error);
}

static void
pieces_free (SatchelStream *stream)
{
  satchel_stream_unref (((Pieces *) stream)->below);
  g_free (stream);
}

static const SatchelStreamOps pieces_ops = { sizeof (SatchelStreamOps), pieces_read_at, pieces_length,
                                             pieces_free };

static guint
search (GBytes *blob, GBytes *content, const SatchelNeedle *needle, gsize piece)
{
  Pieces *pieces = g_new0 (Pieces, 1);
  satchel_stream_init (&pieces->stream, &pieces_ops);
  pieces->below = satchel_stream_new_bytes (content);
  pieces->piece = piece;
  SatchelSearchTerm terms[] = { { SATCHEL_SEARCH_BODY, NULL, needle, FALSE },
                                { SATCHEL_SEARCH_TEXT, NULL, needle, FALSE },
                                { SATCHEL_SEARCH_HEADER, "received", needle, FALSE },
                                { SATCHEL_SEARCH_HEADER, "subject", needle, FALSE } };
  g_assert_true (satchel_search_content (blob, &pieces->stream, terms, G_N_ELEMENTS (terms), NULL));
  satchel_stream_unref (&pieces->stream);
  /* TEXT is everything that BODY is, and every header. */
  g_assert_true (terms[1].is_found || !terms[0].is_found);
  return (guint) terms[0].is_found | (guint) terms[1].is_found << 1 | (guint) terms[2].is_found << 2
         | (guint) terms[3].is_found << 3;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  satchel_charset_preload ();
  if (size < 1 || size < 1u + data[0] % 8)
    return 0;
  const gsize n = data[0] % 8;
  g_autoptr (SatchelNeedle) needle = satchel_needle_new ((const char *) data + 1, n);
  g_autoptr (GBytes) content = g_bytes_new_static (data + 1 + n, size - 1 - n);
  g_autoptr (GBytes) blob = scan_whole ((const char *) data + 1 + n, size - 1 - n);
  g_assert_cmpuint (search (blob, content, needle, 65536), ==, search (blob, content, needle, 1 + size % 7));
  gsize len;
  g_autofree char *folded = satchel_casefold ((const char *) data, MIN (size, 4096), &len);
  g_assert_true (g_utf8_validate_len (folded, len, NULL));
  return 0;
}
