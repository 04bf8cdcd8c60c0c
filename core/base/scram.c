/* SPDX-License-Identifier: MIT
 * This file makes the keys of SCRAM (RFC 5802 3) by GnuTLS.
 */
#include "config.h"

#include <gnutls/crypto.h>
#include <satchel/number.h>
#include <satchel/scram.h>
#include <satchel/secret.h>
#include <string.h>

#define NEW_SALT_BYTES 16u

static const struct
{
  const char *name;
  gnutls_mac_algorithm_t mac;
  gnutls_digest_algorithm_t digest;
  gsize n_bytes;
} hashes[] = {
  [SATCHEL_SCRAM_SHA_1] = { "SCRAM-SHA-1", GNUTLS_MAC_SHA1, GNUTLS_DIG_SHA1, 20 },
  [SATCHEL_SCRAM_SHA_256] = { "SCRAM-SHA-256", GNUTLS_MAC_SHA256, GNUTLS_DIG_SHA256, 32 },
};

const char *
satchel_scram_hash_name (SatchelScramHash hash)
{
  return hashes[hash].name;
}

gsize
satchel_scram_hash_bytes (SatchelScramHash hash)
{
  return hashes[hash].n_bytes;
}

/* Computes the HMAC of @text under @key (RFC 5802 2.2). */
static gboolean
sign_text (SatchelScramHash hash, const guint8 *key, const char *text, guint8 ret[SATCHEL_SCRAM_KEY_MAX])
{
  return gnutls_hmac_fast (hashes[hash].mac, key, hashes[hash].n_bytes, text, strlen (text), ret) == 0;
}

/* Computes the keys of @password with the salt and iterations in @keys. */
static gboolean
derive (SatchelScramKeys *keys, const char *password, guint8 client_key[SATCHEL_SCRAM_KEY_MAX])
{
  guint8 salted[SATCHEL_SCRAM_KEY_MAX];
  const gnutls_datum_t secret = { (guint8 *) password, (unsigned) strlen (password) };
  const gnutls_datum_t salt = { keys->salt, (unsigned) keys->salt_len };
  gboolean ok = gnutls_pbkdf2 (hashes[keys->hash].mac, &secret, &salt, keys->iterations, salted,
                               hashes[keys->hash].n_bytes)
                    == 0
                && sign_text (keys->hash, salted, "Client Key", client_key)
                && gnutls_hash_fast (hashes[keys->hash].digest, client_key, hashes[keys->hash].n_bytes,
                                     keys->stored_key)
                       == 0
                && sign_text (keys->hash, salted, "Server Key", keys->server_key);
  explicit_bzero (salted, sizeof salted);
  return ok;
}

gboolean
satchel_scram_client_key (const SatchelScramKeys *keys, const char *password,
                          guint8 ret_client_key[SATCHEL_SCRAM_KEY_MAX])
{
  SatchelScramKeys made = *keys;
  guint8 client_key[SATCHEL_SCRAM_KEY_MAX] = { 0 };
  gboolean ok = derive (&made, password, client_key)
                && memcmp (made.stored_key, keys->stored_key, hashes[keys->hash].n_bytes) == 0;
  if (ok)
    memcpy (ret_client_key, client_key, sizeof client_key);
  explicit_bzero (client_key, sizeof client_key);
  return ok;
}

gboolean
satchel_scram_keys_make (SatchelScramHash hash, const char *password, const guint8 *salt, gsize salt_len,
                         guint iterations, SatchelScramKeys *ret_keys, GError **error)
{
  SatchelScramKeys keys = { .hash = hash, .iterations = iterations };
  keys.salt_len = salt != NULL ? salt_len : NEW_SALT_BYTES;
  if (keys.salt_len == 0 || keys.salt_len > sizeof keys.salt || iterations < SATCHEL_SCRAM_ITERATIONS_MIN
      || iterations > SATCHEL_SCRAM_ITERATIONS_MAX)
    return satchel_error_set (
        error, SATCHEL_ERROR_INVALID, "SCRAM keys have a salt of 1 to %u bytes and %u to %u iterations",
        SATCHEL_SCRAM_SALT_MAX, SATCHEL_SCRAM_ITERATIONS_MIN, SATCHEL_SCRAM_ITERATIONS_MAX);
  if (salt != NULL)
    memcpy (keys.salt, salt, salt_len);
  else if (gnutls_rnd (GNUTLS_RND_NONCE, keys.salt, NEW_SALT_BYTES) < 0)
    return satchel_error_set (error, SATCHEL_ERROR_FAILED, "the system gives no random numbers");
  char *prepared = satchel_secret_prepare (password);
  guint8 client_key[SATCHEL_SCRAM_KEY_MAX];
  gboolean ok = derive (&keys, prepared, client_key);
  explicit_bzero (client_key, sizeof client_key);
  explicit_bzero (prepared, strlen (prepared));
  g_free (prepared);
  if (!ok)
    return satchel_error_set (error, SATCHEL_ERROR_FAILED, "the library of hashes failed");
  *ret_keys = keys;
  return TRUE;
}

/* Reads base64 up to @end, which is skipped; NUL: up to the end of the text.  Returns what follows, or NULL
 * if it is no base64 of @min to @max bytes. */
static const char *
take_bytes (const char *text, char end, gsize min, gsize max, guint8 *ret, gsize *ret_len)
{
  const char *stop = end != '\0' ? strchr (text, end) : text + strlen (text);
  if (stop == NULL || stop == text || (stop - text) % 4 != 0 || stop - text > 128)
    return NULL;
  g_autofree char *part = g_strndup (text, (gsize) (stop - text));
  gsize len = 0;
  g_autofree guint8 *bytes = g_base64_decode (part, &len);
  if (len < min || len > max)
    return NULL;
  memcpy (ret, bytes, len);
  *ret_len = len;
  return stop + (end != '\0' ? 1 : 0);
}

static gboolean
parse_one (const char *text, SatchelScramHash hash, SatchelScramKeys *ret_keys)
{
  SatchelScramKeys keys = { .hash = hash };
  gsize n = hashes[hash].n_bytes, len;
  guint64 iterations;
  if (!satchel_number_take (&text, NULL, 10, SATCHEL_SCRAM_ITERATIONS_MAX, &iterations) || *text != ':'
      || iterations < SATCHEL_SCRAM_ITERATIONS_MIN)
    return FALSE;
  keys.iterations = (guint) iterations;
  text = take_bytes (text + 1, '$', 1, sizeof keys.salt, keys.salt, &keys.salt_len);
  if (text != NULL)
    text = take_bytes (text, ':', n, n, keys.stored_key, &len);
  if (text == NULL || take_bytes (text, '\0', n, n, keys.server_key, &len) == NULL)
    return FALSE;
  *ret_keys = keys;
  return TRUE;
}

gboolean
satchel_scram_keys_parse (const char *text, SatchelScramHash hash, SatchelScramKeys *ret_keys)
{
  g_auto (GStrv) all = g_strsplit (text != NULL ? text : "", " ", -1);
  gsize len = strlen (hashes[hash].name);
  for (char **one = all; *one != NULL; one++)
    if (strncmp (*one, hashes[hash].name, len) == 0 && (*one)[len] == '$')
      return parse_one (*one + len + 1, hash, ret_keys);
  return FALSE;
}

char *
satchel_scram_keys_format (const SatchelScramKeys *keys)
{
  gsize n = hashes[keys->hash].n_bytes;
  g_autofree char *salt = g_base64_encode (keys->salt, keys->salt_len);
  g_autofree char *stored = g_base64_encode (keys->stored_key, n);
  g_autofree char *server = g_base64_encode (keys->server_key, n);
  return g_strdup_printf ("%s$%u:%s$%s:%s", hashes[keys->hash].name, keys->iterations, salt, stored, server);
}

gboolean
satchel_scram_check_proof (const SatchelScramKeys *keys, const char *auth_message, const guint8 *proof,
                           guint8 ret_client_key[SATCHEL_SCRAM_KEY_MAX])
{
  guint8 client_key[SATCHEL_SCRAM_KEY_MAX], digest[SATCHEL_SCRAM_KEY_MAX];
  gsize n = hashes[keys->hash].n_bytes;
  if (!sign_text (keys->hash, keys->stored_key, auth_message, client_key))
    return FALSE;
  for (gsize i = 0; i < n; i++)
    client_key[i] ^= proof[i];
  gboolean ok = gnutls_hash_fast (hashes[keys->hash].digest, client_key, n, digest) == 0
                && gnutls_memcmp (digest, keys->stored_key, n) == 0;
  if (ok)
    memcpy (ret_client_key, client_key, n);
  explicit_bzero (client_key, sizeof client_key);
  return ok;
}

void
satchel_scram_sign (const SatchelScramKeys *keys, const char *auth_message,
                    guint8 ret_signature[SATCHEL_SCRAM_KEY_MAX])
{
  if (!sign_text (keys->hash, keys->server_key, auth_message, ret_signature))
    memset (ret_signature, 0, SATCHEL_SCRAM_KEY_MAX);
}
