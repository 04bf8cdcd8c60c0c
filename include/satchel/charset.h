/* SPDX-License-Identifier: MIT
 * Charsets to UTF-8, transfer encodings, case folding.  Charsets are those of iconv; names come from mail and
 * from clients and are bounded and checked here.  Any thread.
 */
#pragma once
#include <satchel/attributes.h>
#include <satchel/error.h>

G_BEGIN_DECLS

/* Opens the converters that mail uses, so that later calls need no files: before the sandbox is closed.
 * [blocks] */
SATCHEL_API void satchel_charset_preload (void);
SATCHEL_API gboolean satchel_charset_is_known (const char *charset);
/* For display: never fails.  What does not convert becomes U+FFFD; an unknown charset is taken as UTF-8 where
 * that is valid, else as Latin-1.  Valid UTF-8, NUL-ended.  Yours. */
SATCHEL_API char *satchel_charset_to_utf8 (const char *charset, const void *data, gsize len, gsize *ret_len);
/* For arguments of SEARCH: errors BADCHARSET (unknown) and INVALID (does not convert).  Yours. */
SATCHEL_API char *satchel_charset_to_utf8_strict (const char *charset, const void *data, gsize len,
                                                  gsize *ret_len, GError **error);

/* The same piece by piece; a character may be cut by the border of two pieces. */
typedef struct SatchelCharsetReader SatchelCharsetReader;
SATCHEL_API SatchelCharsetReader *satchel_charset_reader_new (const char *charset);
SATCHEL_API void satchel_charset_reader_push (SatchelCharsetReader *reader, const void *data, gsize len,
                                              gboolean is_last, GString *out);
SATCHEL_API void satchel_charset_reader_free (SatchelCharsetReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelCharsetReader, satchel_charset_reader_free)

/* Content-Transfer-Encoding (RFC 2045 6), piece by piece; bad input is skipped as clients do. */
typedef struct SatchelTransferDecoder
{
  SatchelEncoding encoding;
  /* private */
  guint32 bits;
  guint n_bits, state, count;
  guint8 held[80];
  guint n_held;
  SATCHEL_RESERVED (4);
} SatchelTransferDecoder;
SATCHEL_API void satchel_transfer_decoder_init (SatchelTransferDecoder *decoder, SatchelEncoding encoding);
/* Appends at most @len + 80 bytes to @out. */
SATCHEL_API void satchel_transfer_decoder_push (SatchelTransferDecoder *decoder, const void *data, gsize len,
                                                gboolean is_last, GByteArray *out);
SATCHEL_API SatchelEncoding satchel_encoding_from_name (const char *name, gsize len);

/* What search compares (RFC 5051's idea): full Unicode case folding of titlecased text, diacritics kept, NFC.
 * Invalid bytes become U+FFFD.  Pure ASCII is lower-cased.  Yours. */
SATCHEL_API char *satchel_casefold (const char *text, gsize len, gsize *ret_len);
/* What SORT and THREAD compare, by bytes: i;unicode-casemap (RFC 5051), compatibility decompositions
 * included.  Invalid bytes become U+FFFD.  Yours. */
SATCHEL_API char *satchel_casemap (const char *text, gsize len, gsize *ret_len);

G_END_DECLS
