/* SPDX-License-Identifier: MIT
 * What search needs beyond the public header.
 */
#pragma once
#include <satchel/charset.h>

/* Bytes below 128 mean ASCII wherever they stand, so that an ASCII needle can be looked for in raw bytes. */
gboolean satchel_charset_is_ascii_superset (const char *charset);
/* Bytes that did not convert so far. */
guint satchel_charset_reader_n_bad (const SatchelCharsetReader *reader);
