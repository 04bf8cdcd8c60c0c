/* SPDX-License-Identifier: MIT
 * Dates of mail and of IMAP: RFC 5322 A, RFC 3501 9.
 */
#include "core/mail/header/fields.h"
#include <satchel/date.h>
#include <string.h>

static const struct
{
  const char *text;
  gint64 time;
  int zone;
} dates[] = {
  /* RFC 5322 A.1 to A.6.2, and 3.3 */
  { "Fri, 21 Nov 1997 09:55:06 -0600", 880127706, -360 },
  { "Tue, 1 Jul 2003 10:52:37 +0200", 1057049557, 120 },
  /* asctime's order, with a time and without one: of the year's digits none are an hour. */
  { "Tue Jul  1 10:52:37 2003", 1057056757, 0 },
  { "Jul 1 2003", 1057017600, 0 },
  { "Thu, 13 Feb 1969 23:32:54 -0330", -27723426, -210 },
  { "Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n               -0330 (Newfoundland "
    "Time)",
    -27723480, -210 },
  { "21 Nov 97 09:55:06 GMT", 880106106, 0 },
  { "Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", 880127706, -360 },
  /* What mail has besides. */
  { "Fri, 21 Nov 1997 09:55 EST", 880124100, -300 },
  { "Fri Nov 21 09:55:06 1997", 880106106, 0 },
  { "Nov 21, 1997 09:55:06 -0600", 880127706, -360 },
  { "21-Nov-1997 09:55:06 -0600", 880127706, -360 },
  { "Friday, 21 November 1997 09:55:06 -0600", 880127706, -360 },
  { "21 Nov 1997", 880070400, 0 },
  { "1 Jan 100 00:00:00 +0000", 946684800, 0 },
  { "1 Jan 49 00:00:00 +0000", 2493072000, 0 },
  { "1 Jan 50 00:00:00 +0000", -631152000, 0 },
  { "Tue, 06 Aug 2002 06:50:21 PM -0400", 1028674221, -240 },
  { "Tue, 06 Aug 2002 12:50:21 AM", 1028595021, 0 },
  /* A leap second, and the ends of 32-bit and four-digit time. */
  { "31 Dec 1998 23:59:60 +0000", 915148800, 0 },
  { "19 Jan 2038 03:14:08 +0000", G_GINT64_CONSTANT (2147483648), 0 },
  { "7 Feb 2106 06:28:16 +0000", G_GINT64_CONSTANT (4294967296), 0 },
  { "31 Dec 9999 23:59:59 +0000", G_GINT64_CONSTANT (253402300799), 0 },
  { "29 Feb 2000 00:00:00 -0000", 951782400, 0 },
  { "1 Jan 1970 00:00:00 -1200", 43200, -720 },
  { "1 Jan 1970 00:00:00 +9999", 0, 0 },
};

static const char *const no_dates[] = { "",
                                        "x",
                                        "Fri,",
                                        "1 Jan 0000 00:00:00 +0000",
                                        "1 Jan 0001 00:00:00 +0000",
                                        "1 Jan 10000 00:00:00 +0000",
                                        "32 Jan 2000 00:00:00 +0000",
                                        "29 Feb 1900 00:00:00 +0000",
                                        "1 Foo 2000 00:00:00 +0000",
                                        "1 Jan 2000 24:00:00 +0000",
                                        "1 Jan 2000 10:60:00 +0000",
                                        "99999999999 Jan 2000",
                                        "(((((((((",
                                        "1 Jan" };

static void
test_parse (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (dates); i++)
    {
      gint64 time = 1;
      int zone = 1;
      if (!satchel_date_parse (dates[i].text, strlen (dates[i].text), &time, &zone))
        g_error ("not a date: %s", dates[i].text);
      g_assert_cmpint (time, ==, dates[i].time);
      g_assert_cmpint (zone, ==, dates[i].zone);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (no_dates); i++)
    if (satchel_date_parse (no_dates[i], strlen (no_dates[i]), NULL, NULL))
      g_error ("taken as a date: %s", no_dates[i]);
}

static void
test_format (void)
{
  char text[SATCHEL_DATE_BYTES];
  satchel_date_format (1057049557, 120, text);
  g_assert_cmpstr (text, ==, "Tue, 01 Jul 2003 10:52:37 +0200");
  satchel_date_format (-27723426, -210, text);
  g_assert_cmpstr (text, ==, "Thu, 13 Feb 1969 23:32:54 -0330");
  /* Every day of 400 years comes back. */
  for (gint64 day = -30000; day < 120000; day += 1)
    {
      gint64 time;
      satchel_date_format (day * 86400 + 1, 0, text);
      if (day * 86400 < G_GINT64_CONSTANT (-2208988800))
        continue;
      g_assert_true (satchel_date_parse (text, strlen (text), &time, NULL));
      g_assert_cmpint (time, ==, day * 86400 + 1);
    }
}

static void
test_imap_date_time (void)
{
  gint64 time;
  char text[SATCHEL_DATE_BYTES];
  g_assert_true (satchel_imap_date_time_parse ("17-Jul-1996 02:44:25 -0700", 26, &time));
  g_assert_cmpint (time, ==, 837596665);
  satchel_imap_date_time_format (time, text);
  g_assert_cmpstr (text, ==, "17-Jul-1996 09:44:25 +0000");
  g_assert_true (satchel_imap_date_time_parse (" 7-Feb-1994 21:52:25 -0800", 26, &time));
  g_assert_cmpint (time, ==, 760686745);
  satchel_imap_date_time_format (time, text);
  g_assert_cmpstr (text, ==, " 8-Feb-1994 05:52:25 +0000");
  g_assert_true (satchel_imap_date_time_parse ("7-Feb-1994 21:52:25 -0800", 25, &time));
  static const char *const bad[] = { "17-Jul-1996 02:44:25 -070",  "17-Jul-1996 02:44:25 -07000",
                                     "17-Jul-1996T02:44:25 -0700", "17-Jul-96 02:44:25 -0700",
                                     "31-Feb-1996 02:44:25 -0700", "17-Jul-1996 25:44:25 -0700",
                                     "17-Jul-1996 02:44:25 *0700", "",
                                     "                          " };
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (satchel_imap_date_time_parse (bad[i], strlen (bad[i]), &time));
  /* Whatever is stored, four-digit years come out. */
  static const gint64 times[] = {
    G_MININT64 / 2, -G_GINT64_CONSTANT (62167219201), G_GINT64_CONSTANT (253402300800),
    G_MAXINT64 / 2, G_GINT64_CONSTANT (2147483648),   G_GINT64_CONSTANT (4294967296)
  };
  for (gsize i = 0; i < G_N_ELEMENTS (times); i++)
    {
      satchel_imap_date_time_format (times[i], text);
      g_assert_cmpuint (strlen (text), ==, 26);
      g_assert_true (satchel_imap_date_time_parse (text, 26, &time));
    }
}

static void
test_imap_date (void)
{
  gint64 day;
  g_assert_true (satchel_imap_date_parse ("1-Feb-1994", 10, &day));
  g_assert_cmpint (day, ==, 8797);
  g_assert_true (satchel_imap_date_parse ("01-feb-1994", 11, &day));
  g_assert_cmpint (day, ==, 8797);
  g_assert_false (satchel_imap_date_parse (" 1-Feb-1994", 11, &day));
  g_assert_false (satchel_imap_date_parse ("1-Feb-94", 8, &day));
  g_assert_false (satchel_imap_date_parse ("30-Feb-1994", 11, &day));
  /* The day a clock in the sender's zone showed. */
  g_assert_cmpint (satchel_date_day (760686745, -480), ==, 8803);
  g_assert_cmpint (satchel_date_day (760686745, 0), ==, 8804);
  g_assert_cmpint (satchel_date_day (-1, 0), ==, -1);
  g_assert_cmpint (satchel_date_day (0, 0), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mail/date/parse", test_parse);
  g_test_add_func ("/mail/date/format", test_format);
  g_test_add_func ("/mail/date/imap-date-time", test_imap_date_time);
  g_test_add_func ("/mail/date/imap-date", test_imap_date);
  return g_test_run ();
}
