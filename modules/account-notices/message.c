/* SPDX-License-Identifier: MIT
 * Makes messages.  Nothing of what a client or a template says stands in a header as it came: the subject is
 * one line of printable ASCII or an encoded word, and an address that would need quoting is not written.
 */
#include "message.h"

#include <string.h>

/* so many bytes make 56 characters in base64, and with the frame fewer than 75 (RFC 2047 2) */
#define WORD_BYTES 42u
#define LINE_BYTES 57u /* so many bytes make 76 characters in base64 */

static gboolean
is_atoms (const char *text, gsize len)
{
  return len > 0
         && strspn (text,
                    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.!#$%&'*+-/=?^_`{|}~")
                >= len;
}

/* Returns the domain of @address if it can stand in a header as it is; else NULL. */
static const char *
plain_domain (const char *address)
{
  const char *at = strrchr (address, '@');
  return at != NULL && is_atoms (at + 1, strlen (at + 1)) ? at + 1 : NULL;
}

static gboolean
is_plain_address (const char *address)
{
  const char *at = strrchr (address, '@');
  return plain_domain (address) != NULL && is_atoms (address, (gsize) (at - address));
}

gboolean
message_is_sender (const char *text)
{
  gsize len = strlen (text);
  for (const char *at = text; *at != '\0'; at++)
    if (!g_ascii_isprint (*at))
      return FALSE;
  return len > 2 && len <= 200 && strchr (text, '@') != NULL;
}

/* Appends encoded words of whole characters (RFC 2047 5 (3)), one a line. */
static void
append_encoded (GString *out, const char *text)
{
  while (*text != '\0')
    {
      const char *end = text;
      while (*end != '\0' && (gsize) (g_utf8_next_char (end) - text) <= WORD_BYTES)
        end = g_utf8_next_char (end);
      g_autofree char *base64 = g_base64_encode ((const guint8 *) text, (gsize) (end - text));
      g_string_append_printf (out, "=?UTF-8?B?%s?=%s", base64, *end != '\0' ? "\r\n " : "");
      text = end;
    }
}

static void
append_subject (GString *out, const char *subject)
{
  gboolean is_plain = strlen (subject) <= 900 && strstr (subject, "=?") == NULL;
  for (const char *at = subject; *at != '\0'; at++)
    is_plain = is_plain && g_ascii_isprint (*at);
  g_string_append (out, "Subject: ");
  if (is_plain)
    g_string_append (out, subject);
  else
    append_encoded (out, subject);
  g_string_append (out, "\r\n");
}

static void
append_date (GString *out, gint64 time_s)
{
  static const char *const days[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
  static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (time_s);
  if (time != NULL)
    g_string_append_printf (out, "Date: %s, %02d %s %d %02d:%02d:%02d +0000\r\n",
                            days[g_date_time_get_day_of_week (time) - 1], g_date_time_get_day_of_month (time),
                            months[g_date_time_get_month (time) - 1], g_date_time_get_year (time),
                            g_date_time_get_hour (time), g_date_time_get_minute (time),
                            g_date_time_get_second (time));
}

static void
append_body (GString *out, const char *body)
{
  g_auto (GStrv) lines = g_strsplit (body, "\n", -1);
  g_autofree char *whole = g_strjoinv ("\r\n", lines);
  gsize len = strlen (whole);
  for (gsize at = 0; at < len; at += LINE_BYTES)
    {
      g_autofree char *line = g_base64_encode ((const guint8 *) whole + at, MIN (LINE_BYTES, len - at));
      g_string_append_printf (out, "%s\r\n", line);
    }
}

GBytes *
message_new (const Notice *notice, const Template *text, const char *sender)
{
  GString *out = g_string_new ("Return-Path: <>\r\n");
  const char *domain = plain_domain (notice->user);
  g_autofree char *subject = template_subject (text, notice), *body = template_body (text, notice);
  append_date (out, notice->time_s);
  if (sender != NULL)
    g_string_append_printf (out, "From: %s\r\n", sender);
  else
    g_string_append_printf (out, "From: postmaster@%s\r\n", domain != NULL ? domain : "localhost");
  if (is_plain_address (notice->user))
    g_string_append_printf (out, "To: %s\r\n", notice->user);
  else
    g_string_append (out, "To: undisclosed-recipients:;\r\n");
  append_subject (out, subject);
  g_string_append_printf (out,
                          "Message-ID: <account-notice.%" G_GINT64_FORMAT ".%" G_GUINT64_FORMAT "@%s>\r\n",
                          notice->time_s, notice->id, domain != NULL ? domain : "localhost");
  g_string_append (out, "Auto-Submitted: auto-generated\r\n"
                        "MIME-Version: 1.0\r\n"
                        "Content-Type: text/plain; charset=UTF-8\r\n"
                        "Content-Transfer-Encoding: base64\r\n"
                        "\r\n");
  append_body (out, body);
  return g_string_free_to_bytes (out);
}
