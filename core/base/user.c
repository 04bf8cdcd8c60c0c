/* SPDX-License-Identifier: MIT
 * Brings user names into the form that every process uses, and clears credentials
 * (include/satchel/auth.h).
 */
#include "config.h"

#include "core/base/user.h"
#include <string.h>
#include <unicase.h>
#include <uninorm.h>

/* A user's path is DOMAIN/LOCAL, and each part is one file name. */
#define MAX_USER_BYTES 255
#define MAX_ATTRIBUTE_NAME_BYTES 64
#define MAX_ATTRIBUTE_VALUE_BYTES 255

static gboolean
has_only_plain_characters (const char *name)
{
  for (const char *p = name; *p != '\0'; p = g_utf8_next_char (p))
    if (*p == '/' || g_unichar_type (g_utf8_get_char (p)) == G_UNICODE_CONTROL)
      return FALSE;
  return TRUE;
}

/* Says whether the text is a domain without an empty label: a leading dot would hide the directory, and a
 * trailing one would make a second name for the same domain. */
static gboolean
is_domain (const char *domain)
{
  gsize len = strlen (domain);
  return len > 0 && domain[0] != '.' && domain[len - 1] != '.' && strstr (domain, "..") == NULL;
}

static gboolean
is_local_part (const char *local, gsize len)
{
  return len > 0 && !(len == 1 && local[0] == '.') && !(len == 2 && memcmp (local, "..", 2) == 0)
         && memchr (local, '@', len) == NULL;
}

/* Brings names that look the same into one form (NFC), so that two spellings never become two directories.
 * The rules of the locale do not matter: a Turkish server must not map I to a dotless i. */
static char *
fold_name (const char *name, gsize len, gboolean lower)
{
  if (g_str_is_ascii (name))
    return lower ? g_ascii_strdown (name, (gssize) len) : g_strndup (name, len);
  size_t folded_len = 0;
  uint8_t *folded = lower ? u8_tolower ((const uint8_t *) name, len, NULL, UNINORM_NFC, NULL, &folded_len)
                          : u8_normalize (UNINORM_NFC, (const uint8_t *) name, len, NULL, &folded_len);
  char *result = folded != NULL ? g_strndup ((const char *) folded, folded_len) : NULL;
  free (folded);
  return result;
}

char *
satchel_user_normalise (const char *name, gsize len, const char *default_domain, gboolean lower,
                        GError **error)
{
  if (name == NULL || len == 0)
    {
      satchel_error_set (error, SATCHEL_ERROR_INVALID, "the user name is empty");
      return NULL;
    }
  /* The length is checked before anything is copied, since the name may be as long as a literal. */
  if (len > MAX_USER_BYTES || !g_utf8_validate_len (name, len, NULL))
    {
      satchel_error_set (error, SATCHEL_ERROR_INVALID,
                         "the user name is longer than %d bytes, or it is not UTF-8 without NUL",
                         MAX_USER_BYTES);
      return NULL;
    }

  g_autofree char *copy = g_strndup (name, len);
  g_autofree char *folded = fold_name (copy, len, lower);
  if (folded == NULL || !has_only_plain_characters (folded))
    {
      satchel_error_set (error, SATCHEL_ERROR_INVALID, "the user name has a slash or a control character");
      return NULL;
    }

  const char *at = strrchr (folded, '@');
  g_autofree char *domain = at != NULL ? g_strdup (at + 1)
                            : default_domain != NULL
                                ? fold_name (default_domain, strlen (default_domain), lower)
                                : NULL;
  gsize local_len = at != NULL ? (gsize) (at - folded) : strlen (folded);
  if (domain == NULL || !is_domain (domain) || !is_local_part (folded, local_len))
    {
      satchel_error_set (error, SATCHEL_ERROR_INVALID, "the user name is not LOCAL@DOMAIN");
      return NULL;
    }
  if (local_len + 1 + strlen (domain) > MAX_USER_BYTES)
    {
      satchel_error_set (error, SATCHEL_ERROR_INVALID, "the user name is longer than %d bytes",
                         MAX_USER_BYTES);
      return NULL;
    }
  return at != NULL ? g_steal_pointer (&folded) : g_strconcat (folded, "@", domain, NULL);
}

/* The server's rules are set once, before modules are configured and threads exist. */
static struct
{
  char *default_domain;
  gboolean keeps_case;
} rules;

void
satchel_user_set_rules (const char *default_domain, gboolean lower)
{
  g_free (rules.default_domain);
  rules.default_domain = g_strdup (default_domain);
  rules.keeps_case = !lower;
}

char *
satchel_user_canonical (const char *name, gsize len, GError **error)
{
  return satchel_user_normalise (name, len, rules.default_domain, !rules.keeps_case, error);
}

gboolean
satchel_user_attribute_check (const char *name, const char *value, GError **error)
{
  gsize len = strlen (name);
  if (len == 0 || len > MAX_ATTRIBUTE_NAME_BYTES
      || strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != len)
    return satchel_error_set (
        error, SATCHEL_ERROR_INVALID,
        "the name of an attribute must have 1 to %d characters of a-z, 0-9, '-', '_' and '.'",
        MAX_ATTRIBUTE_NAME_BYTES);
  if (strlen (value) > MAX_ATTRIBUTE_VALUE_BYTES || !g_utf8_validate (value, -1, NULL))
    return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                              "the value of attribute %s is longer than %d bytes or not UTF-8", name,
                              MAX_ATTRIBUTE_VALUE_BYTES);
  for (const char *p = value; *p != '\0'; p = g_utf8_next_char (p))
    if (g_unichar_iscntrl (g_utf8_get_char (p)))
      return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                                "the value of attribute %s has a control character", name);
  return TRUE;
}

void
satchel_credential_clear (SatchelCredential *credential)
{
  g_clear_pointer (&credential->user, g_free);
  if (credential->verifier != NULL)
    explicit_bzero (credential->verifier, strlen (credential->verifier));
  g_clear_pointer (&credential->verifier, g_free);
  credential->is_locked = FALSE;
  if (SATCHEL_HAS (credential, attributes))
    g_clear_pointer (&credential->attributes, g_strfreev);
  if (!SATCHEL_HAS (credential, scram))
    return;
  explicit_bzero (credential->scram, strlen (credential->scram));
  g_clear_pointer (&credential->scram, g_free);
}
