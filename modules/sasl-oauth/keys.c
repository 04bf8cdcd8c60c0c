/* SPDX-License-Identifier: MIT
 * This file reads keys.  Keys of a set that are not of the three algorithms are left out, as RFC 7517 5
 * asks for.
 */
#include "keys.h"

#include "claims.h"

#include <string.h>

#define RSA_BITS_MIN 2048u
#define RSA_BITS_MAX 8192u
#define MEMBER_MAX 4096u
#define PEM_BEGIN "-----BEGIN "

static void
key_free (gpointer data)
{
  OauthKey *key = data;
  if (key->key != NULL)
    gnutls_pubkey_deinit (key->key);
  g_free (key->id);
  g_free (key);
}

GBytes *
oauth_base64url_decode (const char *text, gsize len)
{
  g_autoptr (GString) standard = g_string_sized_new (len + 4);
  for (gsize i = 0; i < len; i++)
    {
      if (!g_ascii_isalnum (text[i]) && text[i] != '-' && text[i] != '_')
        return NULL;
      g_string_append_c (standard, text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i]);
    }
  if (len == 0 || len % 4 == 1)
    return NULL;
  while (standard->len % 4 != 0)
    g_string_append_c (standard, '=');
  gsize n;
  guchar *bytes = g_base64_decode (standard->str, &n);
  return g_bytes_new_take (bytes, n);
}

/* Finds the algorithm that a key is good for. FALSE means that it is none of ours. */
static gboolean
find_algorithm (gnutls_pubkey_t key, OauthAlgorithm *ret_algorithm)
{
  unsigned bits = 0;
  gnutls_ecc_curve_t curve = GNUTLS_ECC_CURVE_INVALID;
  switch (gnutls_pubkey_get_pk_algorithm (key, &bits))
    {
    case GNUTLS_PK_RSA:
      *ret_algorithm = OAUTH_RS256;
      return bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX;
    case GNUTLS_PK_ECDSA:
      *ret_algorithm = OAUTH_ES256;
      return gnutls_pubkey_export_ecc_raw (key, &curve, NULL, NULL) == 0
             && curve == GNUTLS_ECC_CURVE_SECP256R1;
    case GNUTLS_PK_EDDSA_ED25519:
      *ret_algorithm = OAUTH_EDDSA;
      return TRUE;
    default:
      return FALSE;
    }
}

static void
add_key (GPtrArray *keys, gnutls_pubkey_t pubkey, const char *id)
{
  OauthKey *key = g_new0 (OauthKey, 1);
  key->key = pubkey;
  key->id = g_strdup (id);
  if (keys->len < OAUTH_KEYS_MAX && find_algorithm (pubkey, &key->algorithm))
    g_ptr_array_add (keys, key);
  else
    key_free (key);
}

/* ---- JSON Web Key Sets ---- */

/* Reads a number or coordinate of a key. NULL means that there is none. */
static GBytes *
read_member (const json_t *jwk, const char *name)
{
  const char *text = json_string_value (json_object_get (jwk, name));
  gsize len = text != NULL ? strlen (text) : 0;
  return len > 0 && len <= MEMBER_MAX ? oauth_base64url_decode (text, len) : NULL;
}

static gnutls_datum_t
datum_of (GBytes *bytes)
{
  gsize len;
  const void *data = g_bytes_get_data (bytes, &len);
  return (gnutls_datum_t) { .data = (unsigned char *) data, .size = (unsigned) len };
}

static gboolean
import_rsa (const json_t *jwk, gnutls_pubkey_t key)
{
  g_autoptr (GBytes) n = read_member (jwk, "n"), e = read_member (jwk, "e");
  if (n == NULL || e == NULL)
    return FALSE;
  gnutls_datum_t modulus = datum_of (n), exponent = datum_of (e);
  return gnutls_pubkey_import_rsa_raw (key, &modulus, &exponent) == 0;
}

static gboolean
import_curve (const json_t *jwk, const char *name, gnutls_ecc_curve_t curve, gnutls_pubkey_t key)
{
  const char *crv = oauth_json_text (jwk, "crv");
  g_autoptr (GBytes) x = read_member (jwk, "x"), y = read_member (jwk, "y");
  gboolean has_y = curve == GNUTLS_ECC_CURVE_SECP256R1;
  if (g_strcmp0 (crv, name) != 0 || x == NULL || (y != NULL) != has_y)
    return FALSE;
  gnutls_datum_t first = datum_of (x), second = { 0 };
  if (has_y)
    second = datum_of (y);
  return gnutls_pubkey_import_ecc_raw (key, curve, &first, has_y ? &second : NULL) == 0;
}

/* Says whether a key may verify, by what it says itself that it is for (RFC 7517 4.2, 4.4). */
static gboolean
may_verify (const json_t *jwk, const char *algorithm)
{
  const char *use = oauth_json_text (jwk, "use"), *alg = oauth_json_text (jwk, "alg");
  return (use == NULL || strcmp (use, "sig") == 0) && (alg == NULL || strcmp (alg, algorithm) == 0);
}

static void
add_jwk (GPtrArray *keys, const json_t *jwk)
{
  const char *type = oauth_json_text (jwk, "kty");
  gnutls_pubkey_t key;
  gboolean ok = FALSE;
  if (type == NULL || gnutls_pubkey_init (&key) != 0)
    return;
  if (strcmp (type, "RSA") == 0)
    ok = may_verify (jwk, "RS256") && import_rsa (jwk, key);
  else if (strcmp (type, "EC") == 0)
    ok = may_verify (jwk, "ES256") && import_curve (jwk, "P-256", GNUTLS_ECC_CURVE_SECP256R1, key);
  else if (strcmp (type, "OKP") == 0)
    ok = may_verify (jwk, "EdDSA") && import_curve (jwk, "Ed25519", GNUTLS_ECC_CURVE_ED25519, key);
  if (ok)
    add_key (keys, key, oauth_json_text (jwk, "kid"));
  else
    gnutls_pubkey_deinit (key);
}

/* Reads a JSON Web Key Set. FALSE means that the text is none. */
static gboolean
parse_set (const char *text, gsize len, GPtrArray *keys)
{
  json_t *set = oauth_json_parse (text, len);
  const json_t *list = json_object_get (set, "keys");
  gboolean ok = json_is_array (list);
  for (gsize i = 0; ok && i < json_array_size (list); i++)
    add_jwk (keys, json_array_get (list, i));
  json_decref (set);
  return ok;
}

/* ---- PEM ---- */

static gboolean
import_certificate (const gnutls_datum_t *block, gnutls_pubkey_t key)
{
  gnutls_x509_crt_t certificate;
  if (gnutls_x509_crt_init (&certificate) != 0)
    return FALSE;
  gboolean ok = gnutls_x509_crt_import (certificate, block, GNUTLS_X509_FMT_PEM) == 0
                && gnutls_pubkey_import_x509 (key, certificate, 0) == 0;
  gnutls_x509_crt_deinit (certificate);
  return ok;
}

/* Adds the key of a PEM block. FALSE means that it is neither key nor certificate. */
static gboolean
add_block (GPtrArray *keys, const char *text, gsize len)
{
  gnutls_datum_t block = { .data = (unsigned char *) text, .size = (unsigned) len };
  gnutls_pubkey_t key;
  if (gnutls_pubkey_init (&key) != 0)
    return FALSE;
  gboolean is_certificate = g_str_has_prefix (text, PEM_BEGIN "CERTIFICATE-----");
  if (is_certificate ? import_certificate (&block, key)
                     : gnutls_pubkey_import (key, &block, GNUTLS_X509_FMT_PEM) == 0)
    {
      add_key (keys, key, NULL);
      return TRUE;
    }
  gnutls_pubkey_deinit (key);
  return FALSE;
}

static gboolean
parse_pem (const char *text, GPtrArray *keys)
{
  const char *block = strstr (text, PEM_BEGIN);
  while (block != NULL)
    {
      const char *next = strstr (block + strlen (PEM_BEGIN), PEM_BEGIN);
      if (!add_block (keys, block, next != NULL ? (gsize) (next - block) : strlen (block)))
        return FALSE;
      block = next;
    }
  return TRUE;
}

GPtrArray *
oauth_keys_parse (const char *text, gsize len, GError **error)
{
  g_autoptr (GPtrArray) keys = g_ptr_array_new_with_free_func (key_free);
  gboolean ok = memchr (text, '\0', len) == NULL;
  if (ok)
    ok = strstr (text, PEM_BEGIN) != NULL ? parse_pem (text, keys) : parse_set (text, len, keys);
  if (!ok)
    satchel_error_set (error, SATCHEL_ERROR_INVALID, "it is neither a JSON Web Key Set nor PEM");
  else if (keys->len == 0)
    satchel_error_set (error, SATCHEL_ERROR_INVALID,
                       "it has no key for RS256 (2,048 bits or more), ES256 or EdDSA (Ed25519)");
  return ok && keys->len > 0 ? g_steal_pointer (&keys) : NULL;
}
