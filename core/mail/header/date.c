/* SPDX-License-Identifier: MIT
 * This file reads and writes dates of mail and of IMAP (RFC 5322 3.3 and 4.3, RFC 3501 9).
 */
#include "config.h"

#include <satchel/date.h>
#include <satchel/number.h>
#include <stdio.h>
#include <string.h>

#include "core/mail/header/fields.h"
#include "core/mail/header/text.h"

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char weekdays[] = "SunMonTueWedThuFriSat";

/* Returns the number of days from 1970-01-01 to a proleptic Gregorian date.  Years are counted from March, in
 * eras of 400. */
static gint64
days_from_civil (gint64 year, int month, int day)
{
  year -= month <= 2;
  gint64 era = (year >= 0 ? year : year - 399) / 400;
  gint64 of_era = year - era * 400;
  gint64 of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void
civil_from_days (gint64 days, gint64 *year, int *month, int *day)
{
  days += 719468;
  gint64 era = (days >= 0 ? days : days - 146096) / 146097;
  gint64 of_era = days - era * 146097;
  gint64 year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  gint64 of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  gint64 from_march = (5 * of_year + 2) / 153;
  *day = (int) (of_year - (153 * from_march + 2) / 5 + 1);
  *month = (int) (from_march < 10 ? from_march + 3 : from_march - 9);
  *year = year_of_era + era * 400 + (*month <= 2);
}

static gboolean
is_day_of_month (gint64 year, int month, int day)
{
  static const guint8 lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
  gboolean is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return day >= 1 && day <= lengths[month - 1] + (month == 2 && is_leap);
}

/* Returns 1 to 12, or 0. */
static int
month_from_name (const char *name)
{
  for (int i = 0; i < 12; i++)
    if (g_ascii_strncasecmp (months + 3 * i, name, 3) == 0)
      return i + 1;
  return 0;
}

typedef struct DateReader
{
  const char *at, *end;
} DateReader;

static void
skip_space (DateReader *reader)
{
  reader->at = satchel_skip_cfws (reader->at, reader->end, NULL);
}

/* Reads at most @max_digits digits. Returns their number; 0 means that there are none. */
static int
read_number (DateReader *reader, int max_digits, int *ret_value)
{
  const char *start = reader->at, *end = start + MIN (max_digits, reader->end - start);
  guint64 number;
  if (!satchel_number_take (&reader->at, end, 10, G_MAXINT, &number))
    return 0;
  *ret_value = (int) number;
  return (int) (reader->at - start);
}

static gboolean
skip_char (DateReader *reader, char c)
{
  skip_space (reader);
  if (reader->at == reader->end || *reader->at != c)
    return FALSE;
  reader->at++;
  skip_space (reader);
  return TRUE;
}

/* Reads letters; the first three go to @name. */
static int
read_name (DateReader *reader, char name[4])
{
  int n = 0;
  memset (name, 0, 4);
  for (; reader->at < reader->end && g_ascii_isalpha (*reader->at); reader->at++, n++)
    if (n < 3)
      name[n] = *reader->at;
  return n;
}

/* Completes a year (RFC 5322 4.3): one of two digits is 1950 to 2049, one of three is added to 1900. */
static int
full_year (int year, int n_digits)
{
  if (n_digits <= 2)
    return year + (year < 50 ? 2000 : 1900);
  return n_digits == 3 ? year + 1900 : year;
}

/* Returns hours and minutes of "+0530", "+5:30", "EST"; unknown names are -0000 (RFC 5322 4.3). */
static int
read_zone (DateReader *reader)
{
  static const struct
  {
    char name[4];
    gint8 hours;
  } zones[] = { { "EDT", -4 }, { "EST", -5 }, { "CDT", -5 }, { "CST", -6 }, { "MDT", -6 }, { "MST", -7 },
                { "PDT", -7 }, { "PST", -8 }, { "CET", 1 },  { "MET", 1 },  { "JST", 9 } };
  skip_space (reader);
  if (reader->at < reader->end && (*reader->at == '+' || *reader->at == '-'))
    {
      int sign = *reader->at++ == '-' ? -1 : 1, hours = 0, minutes = 0;
      int n = read_number (reader, 4, &hours);
      if (n > 2)
        {
          minutes = hours % 100;
          hours /= 100;
        }
      else if (n > 0 && reader->at < reader->end && *reader->at == ':')
        {
          reader->at++;
          read_number (reader, 2, &minutes);
        }
      return hours > 24 || minutes > 59 ? 0 : sign * (hours * 60 + minutes);
    }
  char name[4];
  if (read_name (reader, name) == 3)
    for (gsize i = 0; i < G_N_ELEMENTS (zones); i++)
      if (g_ascii_strcasecmp (zones[i].name, name) == 0)
        return zones[i].hours * 60;
  return 0;
}

/* Reads "AM" or "PM" after a time, as some programs write it. */
static void
read_half_day (DateReader *reader, int *hour)
{
  DateReader ahead = *reader;
  char name[4];
  skip_space (&ahead);
  if (read_name (&ahead, name) != 2 || *hour < 1 || *hour > 12 || g_ascii_tolower (name[1]) != 'm')
    return;
  if (g_ascii_tolower (name[0]) == 'a')
    *hour = *hour % 12;
  else if (g_ascii_tolower (name[0]) == 'p')
    *hour = *hour % 12 + 12;
  else
    return;
  *reader = ahead;
}

/* Reads "10:52[:37]", also with '.', as some programs write it. */
static gboolean
read_time (DateReader *reader, int *hour, int *minute, int *second)
{
  *second = 0;
  if (!read_number (reader, 2, hour))
    return FALSE;
  if (!skip_char (reader, ':') && !skip_char (reader, '.'))
    return FALSE;
  if (!read_number (reader, 2, minute))
    return FALSE;
  if ((skip_char (reader, ':') || skip_char (reader, '.')) && !read_number (reader, 2, second))
    return FALSE;
  read_half_day (reader, hour);
  /* A second 60 is a leap second (RFC 5322 3.3), which counts as the second after it. */
  return *hour < 24 && *minute < 60 && *second <= 60;
}

typedef struct DateFields
{
  int day, month, year, hour, minute, second; /* month 0: not read yet */
  gboolean has_time;
} DateFields;

/* Reads the name of a month, if there is a name. FALSE means that it is none of a month. */
static gboolean
take_month (DateReader *reader, int *month)
{
  char name[4];
  return read_name (reader, name) == 0 || (*month = month_from_name (name)) != 0;
}

/* Reads what may stand before the day: a day of the week, and the month as asctime has it. */
static gboolean
read_names (DateReader *reader, int *month)
{
  if (take_month (reader, month))
    return TRUE;
  if (!skip_char (reader, ',') && !skip_char (reader, '.'))
    skip_space (reader);
  return take_month (reader, month);
}

/* Reads the month after the day: "1 Jul", "1-Jul-". */
static gboolean
read_month (DateReader *reader, int *month)
{
  char name[4];
  if (read_name (reader, name) < 3 || (*month = month_from_name (name)) == 0)
    return FALSE;
  if (!skip_char (reader, '-') && !skip_char (reader, ',') && !skip_char (reader, '.'))
    skip_space (reader);
  return TRUE;
}

/* Reads a time that may stand before the year, as asctime has it. */
static void
read_early_time (DateReader *reader, DateFields *fields)
{
  DateReader ahead = *reader;
  DateFields timed = *fields;
  if (!read_time (&ahead, &timed.hour, &timed.minute, &timed.second))
    return;
  skip_space (&ahead);
  *reader = ahead;
  *fields = timed;
  fields->has_time = TRUE;
}

/* Reads the year and what separates it from a time. */
static gboolean
read_year (DateReader *reader, int *year)
{
  int n_digits = read_number (reader, 4, year);
  if (n_digits == 0 || (reader->at < reader->end && g_ascii_isdigit (*reader->at)))
    return FALSE;
  *year = full_year (*year, n_digits);
  if (!skip_char (reader, ','))
    skip_space (reader);
  return TRUE;
}

/* Reads day and month in either order, year and time, up to the zone. */
static gboolean
read_fields (DateReader *reader, DateFields *fields)
{
  skip_space (reader);
  if (!read_names (reader, &fields->month))
    return FALSE;
  skip_space (reader);
  if (!read_number (reader, 2, &fields->day))
    return FALSE;
  if (!skip_char (reader, '-') && !skip_char (reader, ','))
    skip_space (reader);
  if (fields->month != 0)
    read_early_time (reader, fields);
  else if (!read_month (reader, &fields->month))
    return FALSE;
  if (!read_year (reader, &fields->year))
    return FALSE;
  return fields->has_time || reader->at == reader->end
         || read_time (reader, &fields->hour, &fields->minute, &fields->second);
}

/* Reads "1 Jul 2003 10:52:37 +0200", "1-Jul-03", "Tue Jul  1 10:52:37 2003" (asctime) and the like. */
gboolean
satchel_date_parse (const char *text, gsize len, gint64 *ret_time, int *ret_zone_minutes)
{
  DateReader reader = { text, text + MIN (len, 1024) };
  DateFields date = { 0 };
  if (!read_fields (&reader, &date))
    return FALSE;
  int zone = read_zone (&reader);
  if (date.year < 1900 || date.year > 9999 || !is_day_of_month (date.year, date.month, date.day))
    return FALSE;
  gint64 hours = days_from_civil (date.year, date.month, date.day) * 24 + date.hour;
  if (ret_time != NULL)
    *ret_time = (hours * 60 + date.minute - zone) * 60 + date.second;
  if (ret_zone_minutes != NULL)
    *ret_zone_minutes = zone;
  return TRUE;
}

typedef struct Clock
{
  gint64 year;
  int month, day, weekday, hour, minute, second;
} Clock;

static Clock
clock_at (gint64 time, int zone_minutes)
{
  Clock clock;
  /* The time is limited to the years 0000 to 9999, which four digits can say. */
  time = CLAMP (time + zone_minutes * (gint64) 60, G_GINT64_CONSTANT (-62167219200),
                G_GINT64_CONSTANT (253402300799));
  gint64 days = satchel_date_day (time, 0);
  gint64 rest = time - days * 86400;
  civil_from_days (days, &clock.year, &clock.month, &clock.day);
  clock.weekday = (int) (((days + 4) % 7 + 7) % 7);
  clock.hour = (int) (rest / 3600);
  clock.minute = (int) (rest / 60 % 60);
  clock.second = (int) (rest % 60);
  return clock;
}

void
satchel_date_format (gint64 time, int zone_minutes, char buffer[SATCHEL_DATE_BYTES])
{
  zone_minutes = CLAMP (zone_minutes, -5999, 5999);
  Clock clock = clock_at (time, zone_minutes);
  guint zone = ABS (zone_minutes);
  g_snprintf (buffer, SATCHEL_DATE_BYTES, "%.3s, %02d %.3s %04d %02d:%02d:%02d %c%02u%02u",
              weekdays + 3 * clock.weekday, clock.day, months + 3 * (clock.month - 1), (int) clock.year,
              clock.hour, clock.minute, clock.second, zone_minutes < 0 ? '-' : '+', zone / 60, zone % 60);
}

void
satchel_imap_date_time_format (gint64 time, char buffer[SATCHEL_DATE_BYTES])
{
  Clock clock = clock_at (time, 0);
  /* The day is a date-day-fixed (RFC 3501 9), with a space before a single digit. */
  g_snprintf (buffer, SATCHEL_DATE_BYTES, "%2d-%.3s-%04d %02d:%02d:%02d +0000", clock.day,
              months + 3 * (clock.month - 1), (int) clock.year, clock.hour, clock.minute, clock.second);
}

/* Reads "d-Mon-yyyy" at the start of @text. Returns the number of bytes; 0 means that there is no date. */
static gsize
read_imap_date (const char *text, gsize len, gsize day_digits, gint64 *ret_day)
{
  if (len < day_digits + 9 || text[day_digits] != '-' || text[day_digits + 4] != '-')
    return 0;
  int day = 0, year = 0;
  for (gsize i = 0; i < day_digits; i++)
    {
      if (!g_ascii_isdigit (text[i]) && !(i == 0 && text[i] == ' ' && day_digits == 2))
        return 0;
      day = day * 10 + (text[i] == ' ' ? 0 : text[i] - '0');
    }
  int month = month_from_name (text + day_digits + 1);
  for (gsize i = day_digits + 5; i < day_digits + 9; i++)
    {
      if (!g_ascii_isdigit (text[i]))
        return 0;
      year = year * 10 + (text[i] - '0');
    }
  if (month == 0 || !is_day_of_month (year, month, day))
    return 0;
  *ret_day = days_from_civil (year, month, day);
  return day_digits + 9;
}

gboolean
satchel_imap_date_parse (const char *text, gsize len, gint64 *ret_day)
{
  gint64 day;
  if ((len != 10 && len != 11) || text[0] == ' ' || read_imap_date (text, len, len - 9, &day) != len)
    return FALSE;
  *ret_day = day;
  return TRUE;
}

static gboolean
two_digits (const char *text, int max, int *ret_value)
{
  if (!g_ascii_isdigit (text[0]) || !g_ascii_isdigit (text[1]))
    return FALSE;
  *ret_value = (text[0] - '0') * 10 + (text[1] - '0');
  return *ret_value <= max;
}

gboolean
satchel_imap_date_time_parse (const char *text, gsize len, gint64 *ret_time)
{
  gint64 day;
  int hour, minute, second, zone_hours, zone_minutes;
  /* Some clients send a day of one digit without its space, which makes 25 characters. */
  if (len != 25 && len != 26)
    return FALSE;
  gsize date_len = read_imap_date (text, len, len - 24, &day);
  if (date_len == 0)
    return FALSE;
  const char *at = text + date_len;
  if (at[0] != ' ' || at[3] != ':' || at[6] != ':' || at[9] != ' ' || (at[10] != '+' && at[10] != '-'))
    return FALSE;
  if (!two_digits (at + 1, 23, &hour) || !two_digits (at + 4, 59, &minute)
      || !two_digits (at + 7, 60, &second) || !two_digits (at + 11, 99, &zone_hours)
      || !two_digits (at + 13, 59, &zone_minutes))
    return FALSE;
  gint64 zone = (zone_hours * 60 + zone_minutes) * (at[10] == '-' ? -60 : 60);
  *ret_time = ((day * 24 + hour) * 60 + minute) * 60 + second - zone;
  return TRUE;
}

gint64
satchel_date_day (gint64 time, int zone_minutes)
{
  time += zone_minutes * (gint64) 60;
  return time / 86400 - (time % 86400 < 0);
}
