/* SPDX-License-Identifier: MIT
 * This file writes and reads records.  Their words are separated by blanks; a text is "=" and the text as a
 * URI has it, a list has commas, and an empty list is "-".
 */
#include "record.h"

#include <sodium.h>
#include <string.h>

static void
put_text (GString *line, const char *text)
{
  g_string_append (line, " =");
  g_string_append_uri_escaped (line, text, NULL, FALSE);
}

static void
put_number (GString *line, guint64 number)
{
  g_string_append_printf (line, " %" G_GUINT64_FORMAT, number);
}

static void
put_list (GString *line, const guint64 *numbers, guint n)
{
  g_string_append (line, n > 0 ? " " : " -");
  for (guint i = 0; i < n; i++)
    g_string_append_printf (line, "%s%" G_GUINT64_FORMAT, i > 0 ? "," : "", numbers[i]);
}

static void
put_hash (GString *line, const char *before, const guint8 hash[TOTP_HASH_BYTES])
{
  char text[2 * TOTP_HASH_BYTES + 1];
  sodium_bin2hex (text, sizeof text, hash, TOTP_HASH_BYTES);
  g_string_append (line, before);
  g_string_append (line, text);
}

char *
totp_record_of_hash_key (const char *sealed)
{
  return g_strconcat ("m = ", sealed, NULL);
}

char *
totp_record_of_user (const TotpUser *user)
{
  GString *line = g_string_new ("u");
  guint64 wrong_s[TOTP_WRONG_MAX];
  for (guint i = 0; i < user->n_wrong; i++)
    wrong_s[i] = (guint64) user->wrong_s[i];
  put_text (line, user->name);
  g_string_append_printf (line, " %s %u", totp_algorithm_name (user->algorithm), user->digits);
  put_number (line, (guint64) user->created_s);
  put_number (line, user->next_grant);
  put_number (line, user->floor);
  put_list (line, user->used, user->n_used);
  g_string_append (line, user->n_recovery > 0 ? "" : " -");
  for (guint i = 0; i < user->n_recovery; i++)
    put_hash (line, i > 0 ? "," : " ", user->recovery[i]);
  put_list (line, wrong_s, user->n_wrong);
  g_string_append_printf (line, " %u %s", user->is_shut ? 1u : 0u, user->sealed);
  return g_string_free (line, FALSE);
}

char *
totp_record_of_grant (const TotpUser *user, const TotpGrant *grant)
{
  GString *line = g_string_new ("g");
  put_text (line, user->name);
  put_number (line, grant->id);
  put_text (line, grant->network);
  put_hash (line, " ", grant->string);
  put_hash (line, " ", grant->verifier);
  g_string_append_printf (line, " %c", (char) grant->kind);
  put_number (line, (guint64) grant->created_s);
  put_number (line, (guint64) grant->used_s);
  put_text (line, grant->service);
  put_text (line, grant->peer);
  put_text (line, grant->client);
  return g_string_free (line, FALSE);
}

char *
totp_record_of_end (const TotpUser *user, const TotpGrant *grant)
{
  GString *line = g_string_new (grant != NULL ? "d" : "x");
  put_text (line, user->name);
  if (grant != NULL)
    put_number (line, grant->id);
  return g_string_free (line, FALSE);
}

/* ---- reading ---- */

static char *
take_text (const char *word)
{
  return *word == '=' ? g_uri_unescape_string (word + 1, NULL) : NULL;
}

static gboolean
take_number (const char *word, guint64 max, guint64 *ret_number)
{
  return g_ascii_string_to_unsigned (word, 10, 0, max, ret_number, NULL);
}

static gboolean
take_time (const char *word, gint64 *ret_s)
{
  guint64 number;
  if (!take_number (word, G_MAXINT64, &number))
    return FALSE;
  *ret_s = (gint64) number;
  return TRUE;
}

static gboolean
take_hash (const char *word, guint8 ret_hash[TOTP_HASH_BYTES])
{
  gsize len;
  return strlen (word) == 2 * TOTP_HASH_BYTES
         && sodium_hex2bin (ret_hash, TOTP_HASH_BYTES, word, strlen (word), NULL, &len, NULL) == 0
         && len == TOTP_HASH_BYTES;
}

static gboolean
take_list (const char *word, guint64 *ret_numbers, guint max, guint *ret_n)
{
  *ret_n = 0;
  if (strcmp (word, "-") == 0)
    return TRUE;
  g_auto (GStrv) parts = g_strsplit (word, ",", (gint) max + 1);
  if (g_strv_length (parts) > max)
    return FALSE;
  for (char **part = parts; *part != NULL; part++)
    if (!take_number (*part, G_MAXINT64, &ret_numbers[(*ret_n)++]))
      return FALSE;
  return TRUE;
}

static gboolean
take_recovery (const char *word, TotpUser *user)
{
  g_auto (GStrv) parts = g_strsplit (strcmp (word, "-") != 0 ? word : "", ",", TOTP_RECOVERY_CODES + 1);
  if (g_strv_length (parts) > TOTP_RECOVERY_CODES)
    return FALSE;
  for (char **part = parts; *part != NULL; part++)
    if (!take_hash (*part, user->recovery[user->n_recovery++]))
      return FALSE;
  return TRUE;
}

static gboolean
parse_user (char **words, TotpRecord *record)
{
  guint64 digits, wrong_s[TOTP_WRONG_MAX];
  if (g_strv_length (words) != 12)
    return FALSE;
  TotpUser *user = record->user = totp_user_new (record->name);
  if (!totp_algorithm_parse (words[2], &user->algorithm) || !take_number (words[3], TOTP_DIGITS_MAX, &digits)
      || digits < 6 || !take_time (words[4], &user->created_s)
      || !take_number (words[5], G_MAXUINT64, &user->next_grant)
      || !take_number (words[6], G_MAXUINT64, &user->floor)
      || !take_list (words[7], user->used, TOTP_USED_MAX, &user->n_used) || !take_recovery (words[8], user)
      || !take_list (words[9], wrong_s, TOTP_WRONG_MAX, &user->n_wrong))
    return FALSE;
  user->digits = (guint) digits;
  for (guint i = 0; i < user->n_wrong; i++)
    user->wrong_s[i] = (gint64) wrong_s[i];
  user->is_shut = strcmp (words[10], "0") != 0;
  user->sealed = g_strdup (words[11]);
  return TRUE;
}

static gboolean
parse_grant (char **words, TotpRecord *record)
{
  if (g_strv_length (words) != 12)
    return FALSE;
  TotpGrant *grant = record->grant = g_new0 (TotpGrant, 1);
  grant->id = record->id;
  grant->network = take_text (words[3]);
  grant->kind = (TotpKind) words[6][0];
  grant->service = take_text (words[9]);
  grant->peer = take_text (words[10]);
  grant->client = take_text (words[11]);
  return take_hash (words[4], grant->string) && take_hash (words[5], grant->verifier)
         && take_time (words[7], &grant->created_s) && take_time (words[8], &grant->used_s)
         && grant->network != NULL && grant->service != NULL && grant->peer != NULL && grant->client != NULL;
}

gboolean
totp_record_parse (const char *line, TotpRecord *ret_record)
{
  g_auto (GStrv) words = g_strsplit (line, " ", 16);
  guint n = g_strv_length (words);
  *ret_record = (TotpRecord) { 0 };
  if (n < 2 || strlen (words[0]) != 1 || (ret_record->name = take_text (words[1])) == NULL)
    return FALSE;
  ret_record->kind = words[0][0];
  if (ret_record->kind == 'x')
    return TRUE;
  if (ret_record->kind == 'u')
    return parse_user (words, ret_record);
  if (ret_record->kind == 'm')
    ret_record->hash_key = n == 3 ? g_strdup (words[2]) : NULL;
  if (ret_record->kind == 'm')
    return ret_record->hash_key != NULL && *ret_record->name == '\0';
  if (n < 3 || !take_number (words[2], G_MAXUINT64, &ret_record->id))
    return FALSE;
  return ret_record->kind == 'd' || (ret_record->kind == 'g' && parse_grant (words, ret_record));
}

void
totp_record_clear (TotpRecord *record)
{
  g_clear_pointer (&record->name, g_free);
  g_clear_pointer (&record->hash_key, g_free);
  g_clear_pointer (&record->user, totp_user_free);
  g_clear_pointer (&record->grant, totp_grant_free);
}
