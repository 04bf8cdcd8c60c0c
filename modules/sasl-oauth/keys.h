/* SPDX-License-Identifier: MIT
 * Declares the public keys of an issuer, from a JSON Web Key Set (RFC 7517) or PEM.
 */
#pragma once
#include <gnutls/abstract.h>
#include <satchel/error.h>

typedef enum
{
  OAUTH_RS256 = 0,
  OAUTH_ES256,
  OAUTH_EDDSA
} OauthAlgorithm;

/* A key is good for one algorithm, which its own kind says: a token cannot choose (RFC 8725 3.1). */
typedef struct OauthKey
{
  OauthAlgorithm algorithm;
  char *id; /* kid; NULL: it has none */
  gnutls_pubkey_t key;
} OauthKey;

#define OAUTH_KEYS_MAX 64u
#define OAUTH_KEY_FILE_MAX (256u * 1024u)

/* Decodes base64url without padding (RFC 7515 2). NULL means that it is none. The caller drops the
 * reference. */
GBytes *oauth_base64url_decode (const char *text, gsize len);
/* Reads keys (OauthKey). NULL with @error says what is wrong; a text without a key that could be used counts
 * as wrong. */
GPtrArray *oauth_keys_parse (const char *text, gsize len, GError **error);
