/* SPDX-License-Identifier: MIT
 * Declares small functions that parsers and writers of core/mail share.
 */
#pragma once
#include <satchel/types.h>

/* Tells whether it is CRLF or LF alone. */
gboolean satchel_is_blank_line (const char *at, const char *end);

/* Says whether the line begins as a field does: a name and a colon (RFC 5322 2.2; 4.5 allows white space
 * between). Names with 8-bit bytes, which nothing allows, count, since no text begins so: a byte order mark
 * before "From:". */
gboolean satchel_can_be_field (const char *at, const char *end);

/* Returns the place past folding white space and comments (RFC 5322 3.2.2), which may nest; the count keeps
 * it from recursing. @comment: what the last comment held, appended, may be NULL.  An unclosed comment runs
 * to the end. */
const char *satchel_skip_cfws (const char *at, const char *end, GString *comment);

/* Reads a quoted-string at @at ('"'): its content, quoted pairs resolved and folding removed, is appended.
 * Returns what follows; an unclosed one runs to the end. */
const char *satchel_read_quoted (const char *at, const char *end, GString *out);

/* Appends an IMAP `string` (RFC 3501 9): quoted where that is allowed, else a literal; NULs are cut out. @len
 * -1: @text is NUL-ended.  @text NULL: NIL. */
void satchel_imap_append_string (GString *out, const char *text, gssize len);
