/* SPDX-License-Identifier: MIT
 * Dates of IMAP (RFC 3501 9: date, date-time).  Times are seconds since 1970
 * UTC.
 */
#pragma once
#include <satchel/types.h>

G_BEGIN_DECLS

/* Any date-time fits, with its NUL. */
#define SATCHEL_DATE_BYTES 40
/* Reads a date-time without quotes, "17-Jul-1996 02:44:25 -0700"; the day may start with a space. */
SATCHEL_API gboolean satchel_imap_date_time_parse (const char *text, gsize len, gint64 *ret_time);
/* Writes a date-time in zone +0000; years are clamped to 0000 to 9999. */
SATCHEL_API void satchel_imap_date_time_format (gint64 time, char buffer[SATCHEL_DATE_BYTES]);
/* Reads a date of SEARCH without quotes, "1-Feb-1994", as days since 1970-01-01. */
SATCHEL_API gboolean satchel_imap_date_parse (const char *text, gsize len, gint64 *ret_day);
/* Returns the day that a clock in this zone shows, as days since 1970-01-01.  SENTON and its like disregard
 * time and zone (RFC 3501 6.4.4): pass the zone of the Date field; for ON and its like pass 0. */
SATCHEL_API gint64 satchel_date_day (gint64 time, int zone_minutes);

G_END_DECLS
