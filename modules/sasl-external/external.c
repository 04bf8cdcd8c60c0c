/* SPDX-License-Identifier: MIT
 * EXTERNAL (RFC 4422 A): one message, the identity to act as or nothing.
 */
#include "external.h"

#include <satchel/error.h>
#include <satchel/hash.h>
#include <string.h>

#define DIGITS 64u

static ExternalMap *map;

/* Reads a fingerprint, and returns its 64 digits without colons, in lower case. NULL means that it is
 * none. */
static char *
read_fingerprint (const char *text)
{
  g_autoptr (GString) digits = g_string_sized_new (DIGITS + 1);
  for (; *text != '\0'; text++)
    if (g_ascii_isxdigit (*text) && digits->len < DIGITS)
      g_string_append_c (digits, g_ascii_tolower (*text));
    else if (*text != ':')
      return NULL;
  return digits->len == DIGITS ? g_strdup (digits->str) : NULL;
}

ExternalMap *
external_map_new (const char *const *rows, GError **error)
{
  ExternalMap *all = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, g_free);
  for (; rows != NULL && *rows != NULL; rows++)
    {
      g_auto (GStrv) words = g_strsplit (*rows, " ", 2);
      char *fingerprint = words[0] != NULL && words[1] != NULL ? read_fingerprint (words[0]) : NULL;
      char *user = fingerprint != NULL ? satchel_user_canonical (words[1], strlen (words[1]), NULL) : NULL;
      if (user == NULL || g_hash_table_contains (all, fingerprint))
        {
          satchel_error_set_setting (error, "certificates",
                                     "\"%s\" is not a SHA-256 fingerprint and a user, or its "
                                     "certificate is there twice",
                                     *rows);
          g_free (fingerprint);
          g_free (user);
          g_hash_table_unref (all);
          return NULL;
        }
      g_hash_table_insert (all, fingerprint, user);
    }
  return all;
}

void
external_map_free (ExternalMap *old)
{
  if (old != NULL)
    g_hash_table_unref (old);
}

void
external_set_map (ExternalMap *fresh)
{
  external_map_free (map);
  map = fresh;
}

typedef struct Exchange
{
  GBytes *certificate; /* borrowed */
  gboolean is_asked;
} Exchange;

static gpointer
exchange_new (const SatchelLogin *login)
{
  Exchange *exchange = g_new0 (Exchange, 1);
  exchange->certificate = login->client_certificate;
  return exchange;
}

static SatchelSaslResult
step (gpointer data, const guint8 *response, gsize len, SatchelSaslTurn *turn)
{
  Exchange *exchange = data;
  if (response == NULL && !exchange->is_asked)
    {
      exchange->is_asked = TRUE;
      return SATCHEL_SASL_CHALLENGE;
    }
  if (response == NULL || len > SATCHEL_SASL_USER_MAX || exchange->certificate == NULL
      || (len > 0 && !g_utf8_validate_len ((const char *) response, len, NULL)))
    return SATCHEL_SASL_MALFORMED;
  g_autofree char *fingerprint = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, exchange->certificate);
  const char *user = map != NULL ? g_hash_table_lookup (map, fingerprint) : NULL;
  turn->name = g_strdup (user != NULL ? user : fingerprint); /* the log tells which one to add */
  if (user == NULL)
    return SATCHEL_SASL_MALFORMED;
  turn->user = g_strdup (user);
  turn->authorisation = len > 0 ? g_strndup ((const char *) response, len) : NULL;
  return SATCHEL_SASL_LOOK_UP;
}

static SatchelSaslResult
found (gpointer data, const char *user, const SatchelCredential *credential, SatchelSaslTurn *turn)
{
  return credential != NULL ? SATCHEL_SASL_RIGHT : SATCHEL_SASL_WRONG;
}

const SatchelSaslOps external_ops = { .size = sizeof external_ops,
                                      .name = "EXTERNAL",
                                      .flags = SATCHEL_SASL_NEEDS_CERTIFICATE,
                                      .band = 300,
                                      .exchange_new = exchange_new,
                                      .step = step,
                                      .found = found,
                                      .exchange_free = g_free };
