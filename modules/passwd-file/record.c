/* SPDX-License-Identifier: MIT
 * One line of the file: parsing and formatting. Pure functions.
 */
#include "record.h"
#include "verifier.h"

#include <satchel/scram.h>
#include <sodium.h>
#include <string.h>

#define MAX_LINE_BYTES 2048
#define MAX_FIELDS 6
#define CHECK_BYTES 8

void
passwd_record_clear (PasswdRecord *record)
{
  g_clear_pointer (&record->user, g_free);
  if (record->verifier != NULL)
    sodium_memzero (record->verifier, strlen (record->verifier));
  g_clear_pointer (&record->verifier, g_free);
  if (record->scram != NULL)
    sodium_memzero (record->scram, strlen (record->scram));
  g_clear_pointer (&record->scram, g_free);
  g_clear_pointer (&record->attributes, g_free);
}

void
passwd_record_free (PasswdRecord *record)
{
  passwd_record_clear (record);
  g_free (record);
}

char *
passwd_line_user (const char *line, gsize len)
{
  const char *colon = memchr (line, ':', len);
  return colon != NULL && line[0] != '#' ? satchel_user_canonical (line, (gsize) (colon - line), NULL) : NULL;
}

gboolean
passwd_line_has_attributes (const char *line, gsize len)
{
  guint n_colons = 0;
  for (gsize i = 0; i < len; i++)
    n_colons += line[i] == ':';
  return n_colons >= MAX_FIELDS - 1;
}

static void
line_check (const char *text, gsize len, char ret_check[2 * CHECK_BYTES + 1])
{
  unsigned char digest[16]; /* the shortest BLAKE2b of libsodium */
  crypto_generichash (digest, sizeof digest, (const unsigned char *) text, len, NULL, 0);
  sodium_bin2hex (ret_check, 2 * CHECK_BYTES + 1, digest, CHECK_BYTES);
}

/* Cuts the SCRAM keys off, which stand behind the verifier, each after a blank, with commas where RFC 5803
 * has colons. */
static gboolean
take_scram (char *field, PasswdRecord *record, GError **error)
{
  char *keys = strstr (field, " SCRAM-SHA-");
  if (keys == NULL)
    return TRUE;
  record->scram = g_strdelimit (g_strdup (keys + 1), ",", ':');
  *keys = '\0';
  SatchelScramKeys found;
  gboolean ok = satchel_scram_keys_parse (record->scram, SATCHEL_SCRAM_SHA_256, &found)
                || satchel_scram_keys_parse (record->scram, SATCHEL_SCRAM_SHA_1, &found);
  sodium_memzero (&found, sizeof found);
  return ok || satchel_error_set (error, SATCHEL_ERROR_INVALID, "the SCRAM keys are damaged");
}

static gboolean
parse_verifier (char *field, PasswdRecord *record, GError **error)
{
  field += passwd_verifier_strip (field, &record->is_locked) - field;
  if (!take_scram (field, record, error))
    return FALSE;
  if (field[0] == '\0' || strcmp (field, "*") == 0)
    return TRUE;
  if (passwd_verifier_scheme (field, NULL, error) == PASSWD_SCHEME_UNKNOWN)
    return FALSE;
  record->verifier = g_strdup (field);
  return TRUE;
}

/* Checks one "NAME=VALUE", whose '=' becomes the end of NAME. */
static gboolean
check_attribute (char *text, GError **error)
{
  char *equals = strchr (text, '=');
  if (equals == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                              "the sixth field has \"%s\", which is not NAME=VALUE", text);
  *equals = '\0';
  return satchel_user_attribute_check (text, equals + 1, error);
}

static gboolean
parse_attributes (const char *field, PasswdRecord *record, GError **error)
{
  g_auto (GStrv) words = g_strsplit_set (field, " \t", -1);
  g_autoptr (GString) kept = g_string_new (NULL);
  guint n = 0;
  for (char **word = words; *word != NULL; word++)
    {
      if (**word == '\0')
        continue;
      g_string_append_printf (kept, "%s%s", n++ > 0 ? " " : "", *word);
      if (!check_attribute (*word, error))
        return FALSE;
    }
  if (n > SATCHEL_USER_ATTRIBUTES_MAX || kept->len + n > SATCHEL_USER_ATTRIBUTES_BYTES_MAX)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT,
                              "the sixth field has more than %u attributes or %u bytes",
                              SATCHEL_USER_ATTRIBUTES_MAX, SATCHEL_USER_ATTRIBUTES_BYTES_MAX);
  if (n > 0)
    record->attributes = g_strdup (kept->str);
  return TRUE;
}

char **
passwd_record_attributes (const PasswdRecord *record)
{
  return record->attributes != NULL ? g_strsplit (record->attributes, " ", -1) : g_new0 (char *, 1);
}

static gboolean
parse_fields (char **fields, guint n, PasswdRecord *record, GError **error)
{
  if (!parse_verifier (fields[1], record, error))
    return FALSE;
  if (n > 2 && strcmp (fields[2], "locked") == 0)
    record->is_locked = TRUE;
  else if (n > 2 && fields[2][0] != '\0')
    return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                              "the third field has an unknown flag; the only one is \"locked\"");
  if (n > 3 && fields[3][0] != '\0')
    {
      guint64 changed;
      if (!g_ascii_string_to_unsigned (fields[3], 10, 0, G_MAXINT64, &changed, NULL))
        return satchel_error_set (error, SATCHEL_ERROR_INVALID, "the fourth field is not a time in seconds");
      record->changed = (gint64) changed;
    }
  return n < 6 || parse_attributes (fields[5], record, error);
}

static gboolean
is_check_right (const char *line, char **fields, guint n)
{
  if (n < 5 || fields[4][0] == '\0')
    return TRUE;
  char check[2 * CHECK_BYTES + 1];
  gsize len = 3; /* bytes of the colons between the first four fields */
  for (guint i = 0; i < 4; i++)
    len += strlen (fields[i]);
  line_check (line, len, check);
  return strcmp (check, fields[4]) == 0;
}

PasswdLine
passwd_record_parse (const char *line, gsize len, PasswdRecord *ret_record, GError **error)
{
  if (len > 0 && line[len - 1] == '\r')
    len--;
  /* Editors of other systems begin a UTF-8 file with a byte order mark; it is no part of a user's name. */
  if (len >= 3 && memcmp (line, "\xEF\xBB\xBF", 3) == 0)
    {
      line += 3;
      len -= 3;
    }
  if (len == 0 || line[0] == '#')
    return PASSWD_LINE_BLANK;
  if (len > MAX_LINE_BYTES || memchr (line, '\0', len) != NULL)
    {
      satchel_error_set (error, SATCHEL_ERROR_INVALID, "the line is too long or holds a NUL");
      return PASSWD_LINE_BAD;
    }
  g_autofree char *copy = g_strndup (line, len);
  g_auto (GStrv) fields = g_strsplit (copy, ":", MAX_FIELDS); /* a value may have colons */
  guint n = g_strv_length (fields);
  g_auto (PasswdRecord) record = { 0 };
  gboolean is_good = FALSE;
  if (n < 2)
    satchel_error_set (error, SATCHEL_ERROR_INVALID,
                       "the line is not USER:VERIFIER:FLAGS:CHANGED:CHECK:ATTRIBUTES");
  else if (!is_check_right (copy, fields, n))
    satchel_error_set (
        error, SATCHEL_ERROR_INVALID,
        "the line was damaged, or edited by hand; set the password anew, or remove the last field");
  else if ((record.user = satchel_user_canonical (fields[0], strlen (fields[0]), error)) != NULL
           && parse_fields (fields, n, &record, error))
    {
      *ret_record = record;
      record = (PasswdRecord) { 0 };
      is_good = TRUE;
    }
  sodium_memzero (copy, len);
  for (guint i = 0; i < n; i++)
    sodium_memzero (fields[i], strlen (fields[i]));
  return is_good ? PASSWD_LINE_RECORD : PASSWD_LINE_BAD;
}

char *
passwd_record_format (const PasswdRecord *record, GError **error)
{
  if (strchr (record->user, ':') != NULL || record->user[0] == '#')
    {
      satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                         "a user name in this file may not have a colon or begin with #");
      return NULL;
    }
  g_autofree char *scram = record->scram != NULL ? g_strdelimit (g_strdup (record->scram), ":", ',') : NULL;
  g_autofree char *text =
      g_strdup_printf ("%s:%s%s%s:%s:%" G_GINT64_FORMAT, record->user,
                       record->verifier != NULL ? record->verifier : "", scram != NULL ? " " : "",
                       scram != NULL ? scram : "", record->is_locked ? "locked" : "", record->changed);
  char check[2 * CHECK_BYTES + 1];
  line_check (text, strlen (text), check);
  return record->attributes != NULL ? g_strdup_printf ("%s:%s:%s\n", text, check, record->attributes)
                                    : g_strdup_printf ("%s:%s\n", text, check);
}
