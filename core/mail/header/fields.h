/* SPDX-License-Identifier: MIT
 * Declares calls about header fields for the core alone, beside those for modules (header.h).
 */
#pragma once
#include <satchel/date.h>
#include <satchel/header.h>

/* Says whether the name of @field is one of @names. It is FALSE for a line that is no field. */
gboolean satchel_header_names_contain (const SatchelHeaderNames *names, const SatchelHeaderField *field);
/* Gives the numbers (blob.h) of names, as bits. FALSE means that blobs do not keep all of them. */
gboolean satchel_header_names_kept (const SatchelHeaderNames *names, guint64 *ret_bits);

/* Reads the value of a Date field (RFC 5322 3.3, 4.3): obsolete zones, two-digit years and comments included,
 * years 1900 to 9999.  @ret_time: seconds since 1970 UTC.  FALSE means that the value is no date. */
gboolean satchel_date_parse (const char *text, gsize len, gint64 *ret_time, int *ret_zone_minutes);
/* Writes "Tue, 01 Jul 2003 10:52:37 +0200". */
void satchel_date_format (gint64 time, int zone_minutes, char buffer[SATCHEL_DATE_BYTES]);

/* Returns the first mailbox of a list of addresses: "local@host", the caller's; NULL means that the list has
 * none. */
char *satchel_addresses_first (const char *value, gsize len);
/* Returns the base subject (RFC 5256 2.1) of a Subject field's raw value, decoded to UTF-8; the caller owns
 * it. @ret_is_reply: a mark of a reply or a forward was taken off (RFC 5256 3, REFERENCES). */
char *satchel_base_subject (const char *value, gsize len, gsize *ret_len, gboolean *ret_is_reply);

/* Says whether a field of @block (a header block) needs a surrogate (downgrade.h): whether it is valid UTF-8,
 * not ASCII, and ASCII can say the same. */
gboolean satchel_header_needs_utf8 (const char *block, gsize len);
/* Appends @block with a surrogate for each of these fields, and everything else as it is.  The time is
 * linear; the result is at most 16 times as long. */
void satchel_header_downgrade (const char *block, gsize len, GString *out);
