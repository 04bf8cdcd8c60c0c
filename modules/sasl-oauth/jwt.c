/* SPDX-License-Identifier: MIT
 * This file checks signed tokens.  Before the signature has been checked, only a token's header is read.
 */
#include "jwt.h"

#include <gnutls/crypto.h>
#include <string.h>

static const struct
{
  const char *name;
  OauthAlgorithm algorithm;
  gnutls_sign_algorithm_t sign;
} algorithms[] = {
  { "RS256", OAUTH_RS256, GNUTLS_SIGN_RSA_SHA256 },
  { "ES256", OAUTH_ES256, GNUTLS_SIGN_ECDSA_SHA256 },
  { "EdDSA", OAUTH_EDDSA, GNUTLS_SIGN_EDDSA_ED25519 },
};
#define ES256_BYTES 64u /* R and S (RFC 7518 3.4) */

typedef struct Parts
{
  const char *header, *claims, *signature; /* borrowed */
  gsize header_len, claims_len, signature_len;
} Parts;

static gboolean
split (const char *token, Parts *ret_parts)
{
  const char *first = strchr (token, '.'), *second = first != NULL ? strchr (first + 1, '.') : NULL;
  if (second == NULL)
    return FALSE;
  *ret_parts = (Parts) { .header = token,
                         .header_len = (gsize) (first - token),
                         .claims = first + 1,
                         .claims_len = (gsize) (second - first - 1),
                         .signature = second + 1,
                         .signature_len = strlen (second + 1) };
  return TRUE;
}

static json_t *
decode_object (const char *text, gsize len)
{
  gsize n = 0;
  g_autoptr (GBytes) bytes = oauth_base64url_decode (text, len);
  const char *data = bytes != NULL ? g_bytes_get_data (bytes, &n) : NULL;
  return data != NULL ? oauth_json_parse (data, n) : NULL;
}

/* Says whether the token is of our type.  Tokens that were signed with the same key for other uses have
 * another one (RFC 8725 3.11). */
static gboolean
is_our_type (const json_t *header)
{
  static const char *const types[] = { "JWT", "at+jwt", "application/at+jwt" };
  const json_t *value = json_object_get (header, "typ");
  const char *type = json_string_value (value);
  for (guint i = 0; type != NULL && i < G_N_ELEMENTS (types); i++)
    if (g_ascii_strcasecmp (type, types[i]) == 0)
      return TRUE;
  return value == NULL;
}

static gboolean
is_signature (const OauthKey *key, gnutls_sign_algorithm_t sign, const Parts *parts, GBytes *signature)
{
  gsize len;
  const guint8 *data = g_bytes_get_data (signature, &len);
  const gnutls_datum_t text = { .data = (unsigned char *) parts->header,
                                .size = (unsigned) (parts->header_len + 1 + parts->claims_len) };
  gnutls_datum_t value = { .data = (unsigned char *) data, .size = (unsigned) len }, encoded = { 0 };
  if (key->algorithm == OAUTH_ES256)
    {
      const gnutls_datum_t r = { .data = (unsigned char *) data, .size = ES256_BYTES / 2 },
                           s = { .data = (unsigned char *) data + ES256_BYTES / 2, .size = ES256_BYTES / 2 };
      if (len != ES256_BYTES || gnutls_encode_rs_value (&encoded, &r, &s) != 0)
        return FALSE;
      value = encoded;
    }
  gboolean ok = gnutls_pubkey_verify_data2 (key->key, sign, 0, &text, &value) >= 0;
  gnutls_free (encoded.data);
  return ok;
}

/* Checks the signature. The token says which algorithm it has and may say which key; a key is tried only if
 * that is its algorithm. Returns NULL, or what is wrong. */
static const char *
check_signature (const json_t *header, const Parts *parts, const GPtrArray *keys)
{
  const char *name = oauth_json_text (header, "alg"), *id = oauth_json_text (header, "kid");
  g_autoptr (GBytes) signature = oauth_base64url_decode (parts->signature, parts->signature_len);
  guint row = 0;
  while (row < G_N_ELEMENTS (algorithms) && g_strcmp0 (name, algorithms[row].name) != 0)
    row++;
  if (row == G_N_ELEMENTS (algorithms))
    return "the token is not signed by RS256, ES256 or EdDSA (alg)";
  gboolean was_tried = FALSE;
  for (guint i = 0; signature != NULL && i < keys->len; i++)
    {
      const OauthKey *key = keys->pdata[i];
      if (key->algorithm != algorithms[row].algorithm
          || (id != NULL && key->id != NULL && strcmp (id, key->id) != 0))
        continue;
      if (is_signature (key, algorithms[row].sign, parts, signature))
        return NULL;
      was_tried = TRUE;
    }
  return was_tried || signature == NULL ? "the signature of the token is wrong"
                                        : "there is no such key (kid, alg) in sasl-oauth.key_file";
}

static const char *
check_header (const Parts *parts, const GPtrArray *keys)
{
  json_t *header = decode_object (parts->header, parts->header_len);
  const char *why = header == NULL ? "the header of the token is no JSON"
                    : json_object_get (header, "crit") != NULL
                        ? "the token asks for what is not known here (crit)"
                    : !is_our_type (header) ? "the token is one for another use (typ)"
                                            : check_signature (header, parts, keys);
  json_decref (header);
  return why;
}

void
oauth_jwt_check (const char *token, const GPtrArray *keys, const OauthSettings *settings, gint64 now_s,
                 OauthFindings *ret_findings)
{
  Parts parts;
  const char *why = split (token, &parts) ? check_header (&parts, keys) : "the token is no signed JWT";
  json_t *claims = why == NULL ? decode_object (parts.claims, parts.claims_len) : NULL;
  if (claims != NULL)
    oauth_claims_check (claims, settings, now_s, ret_findings);
  else
    oauth_findings_say (ret_findings, OAUTH_WRONG, why != NULL ? why : "the token has no claims");
  json_decref (claims);
}
