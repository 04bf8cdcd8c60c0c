/* SPDX-License-Identifier: MIT
 * Declares what the core needs of charsets and transfer encodings beyond what modules use (charset.h).
 */
#pragma once
#include <satchel/charset.h>

/* Opens the converters that mail uses, so that later calls open no files.  It is called before the sandbox is
 * closed. [blocks] */
void satchel_charset_preload (void);
/* Converts for display, and never fails: what does not convert becomes U+FFFD; an unknown charset is taken as
 * UTF-8 where the text is valid UTF-8, else as Latin-1.  The result is valid UTF-8, NUL-ended, the caller's.
 */
char *satchel_charset_to_utf8 (const char *charset, const void *data, gsize len, gsize *ret_len);
/* Says whether bytes below 128 are ASCII wherever they stand, so that an ASCII needle can be looked for in
 * raw bytes. */
gboolean satchel_charset_is_ascii_superset (const char *charset);

/* This converts piece by piece; the border between two pieces may cut a character. */
typedef struct SatchelCharsetReader SatchelCharsetReader;
SatchelCharsetReader *satchel_charset_reader_new (const char *charset);
void satchel_charset_reader_push (SatchelCharsetReader *reader, const void *data, gsize len, gboolean is_last,
                                  GString *out);
void satchel_charset_reader_free (SatchelCharsetReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelCharsetReader, satchel_charset_reader_free)

/* Returns the encoding that a Content-Transfer-Encoding field names (RFC 2045 6.1). */
SatchelEncoding satchel_encoding_from_name (const char *name, gsize len);
