/* SPDX-License-Identifier: MIT
 * This file writes and reads records.
 */
#include "record.h"

#include <string.h>

/* ---- writing ---- */

static void
put_text (GString *line, const char *text)
{
  g_string_append (line, " =");
  g_string_append_uri_escaped (line, text, ":/,", FALSE);
}

static void
put_hash (GString *line, const guint8 hash[APP_HASH_BYTES])
{
  g_string_append_c (line, ' ');
  for (guint i = 0; i < APP_HASH_BYTES; i++)
    g_string_append_printf (line, "%02x", hash[i]);
}

char *
app_record_of_mark (const guint8 mark[APP_HASH_BYTES])
{
  GString *line = g_string_new ("k");
  put_hash (line, mark);
  return g_string_free (line, FALSE);
}

char *
app_record_of_password (const char *user, const AppPassword *password)
{
  GString *line = g_string_new ("p");
  g_autofree char *networks = g_strjoinv (",", password->networks);
  put_text (line, user);
  g_string_append_printf (line, " %s %u", password->id, password->services);
  g_string_append_printf (line, " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT,
                          password->created_s, password->expires_s, password->used_s);
  put_hash (line, password->hash);
  put_text (line, networks);
  put_text (line, password->label);
  put_text (line, password->service);
  put_text (line, password->peer);
  put_text (line, password->client);
  return g_string_free (line, FALSE);
}

char *
app_record_of_end (const char *user, const char *id)
{
  GString *line = g_string_new ("d");
  put_text (line, user);
  g_string_append_printf (line, " %s", id);
  return g_string_free (line, FALSE);
}

/* ---- reading ---- */

static char *
take_text (const char *word)
{
  return *word == '=' ? g_uri_unescape_string (word + 1, NULL) : NULL;
}

static gboolean
take_time (const char *word, gint64 *ret_s)
{
  guint64 number;
  if (!g_ascii_string_to_unsigned (word, 10, 0, G_MAXINT64, &number, NULL))
    return FALSE;
  *ret_s = (gint64) number;
  return TRUE;
}

static gboolean
take_hash (const char *word, guint8 ret_hash[APP_HASH_BYTES])
{
  if (strlen (word) != 2 * APP_HASH_BYTES || strspn (word, "0123456789abcdef") != 2 * APP_HASH_BYTES)
    return FALSE;
  for (guint i = 0; i < APP_HASH_BYTES; i++)
    ret_hash[i] = (guint8) (g_ascii_xdigit_value (word[2 * i]) << 4 | g_ascii_xdigit_value (word[2 * i + 1]));
  return TRUE;
}

static gboolean
is_id (const char *word)
{
  return strlen (word) == APP_ID_CHARS
         && strspn (word, "0123456789abcdefghijklmnopqrstuvwxyz") == APP_ID_CHARS;
}

static gboolean
parse_password (char **words, AppRecord *record)
{
  guint64 services;
  if (g_strv_length (words) != 13)
    return FALSE;
  AppPassword *password = record->password = app_password_new ();
  g_autofree char *networks = take_text (words[8]);
  char **texts[] = { &password->label, &password->service, &password->peer, &password->client };
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_free (*texts[i]);
      if ((*texts[i] = take_text (words[9 + i])) == NULL)
        return FALSE;
    }
  if (networks == NULL || !g_ascii_string_to_unsigned (words[3], 10, 1, APP_SERVICE_ALL, &services, NULL)
      || !take_time (words[4], &password->created_s) || !take_time (words[5], &password->expires_s)
      || !take_time (words[6], &password->used_s) || !take_hash (words[7], password->hash))
    return FALSE;
  g_strlcpy (password->id, words[2], sizeof password->id);
  password->services = (guint) services;
  g_strfreev (password->networks);
  password->networks = g_strsplit (networks, ",", -1);
  return TRUE;
}

gboolean
app_record_parse (const char *line, AppRecord *ret_record)
{
  g_auto (GStrv) words = g_strsplit (line, " ", 16);
  guint n = g_strv_length (words);
  *ret_record = (AppRecord) { 0 };
  if (n < 2 || strlen (words[0]) != 1)
    return FALSE;
  ret_record->kind = words[0][0];
  if (ret_record->kind == 'k')
    return take_hash (words[1], ret_record->mark);
  if (n < 3 || !is_id (words[2]) || (ret_record->user = take_text (words[1])) == NULL)
    return FALSE;
  ret_record->id = g_strdup (words[2]);
  return ret_record->kind == 'd' || (ret_record->kind == 'p' && parse_password (words, ret_record));
}

void
app_record_clear (AppRecord *record)
{
  g_clear_pointer (&record->user, g_free);
  g_clear_pointer (&record->id, g_free);
  g_clear_pointer (&record->password, app_password_free);
}
