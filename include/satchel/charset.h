/* SPDX-License-Identifier: MIT
 * Charsets to UTF-8, and transfer encodings.  Charsets are those of iconv; names come from mail and
 * from clients and are bounded and checked here.  Any thread.
 */
#pragma once
#include <satchel/attributes.h>
#include <satchel/error.h>

G_BEGIN_DECLS

SATCHEL_API gboolean satchel_charset_is_known (const char *charset);
/* Converts arguments of SEARCH.  Errors: BADCHARSET (unknown), INVALID (the text does not convert).  Yours.
 */
SATCHEL_API char *satchel_charset_to_utf8_strict (const char *charset, const void *data, gsize len,
                                                  gsize *ret_len, GError **error);

/* Decodes a Content-Transfer-Encoding (RFC 2045 6) piece by piece; bad input is skipped, as clients do. */
typedef struct SatchelTransferDecoder
{
  SatchelEncoding encoding;
  /* The decoder alone uses these. */
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

G_END_DECLS
