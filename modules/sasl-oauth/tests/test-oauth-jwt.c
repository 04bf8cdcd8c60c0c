/* SPDX-License-Identifier: MIT
 * Signed tokens: examples of RFCs, and tokens that are made here by keys of the test.
 */
#include "jwt.h"

#include <gnutls/crypto.h>
#include <string.h>

#define NOW_S 1300819000
#define CLAIMS                                                                                               \
  "{\"iss\":\"https://idp.example.org\",\"aud\":\"mail\",\"exp\":1300819100,\"nbf\":1300818900,"             \
  "\"preferred_username\":\"anna\",\"scope\":\"openid mail.read\",\"azp\":\"thunderbird\"}"

static const char *const mail[] = { "mail", "post", NULL }, *const read_scope[] = { "mail.read", NULL },
                         *const none[] = { NULL };
static const OauthSettings usual = { .check = OAUTH_JWT,
                                     .issuer = "https://idp.example.org",
                                     .audience = mail,
                                     .scope = read_scope,
                                     .user_claim = "preferred_username",
                                     .leeway_ms = 30000 };

static char *
encode (const void *data, gsize len)
{
  char *text = g_base64_encode (data, len);
  g_strdelimit (text, "+", '-');
  g_strdelimit (text, "/", '_');
  text[strcspn (text, "=")] = '\0';
  return text;
}

/* ---- examples ---- */

/* RFC 7515 A.3 */
#define ES256_KEY                                                                                            \
  "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","      \
  "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}"
#define ES256_TOKEN                                                                                          \
  "eyJhbGciOiJFUzI1NiJ9."                                                                                    \
  "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."          \
  "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
/* RFC 8037 A.4, whose text is no JSON */
#define EDDSA_KEY                                                                                            \
  "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}"
#define EDDSA_TOKEN                                                                                          \
  "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."                                                \
  "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"

static void
test_examples (void)
{
  OauthSettings joe = usual;
  joe.issuer = joe.user_claim = "iss";
  joe.issuer = "joe";
  joe.audience = joe.scope = none;
  g_autoptr (GPtrArray) curve = oauth_keys_parse (ES256_KEY, strlen (ES256_KEY), NULL);
  g_autoptr (GPtrArray) edwards = oauth_keys_parse (EDDSA_KEY, strlen (EDDSA_KEY), NULL);
  g_auto (OauthFindings) findings = { 0 };
  oauth_jwt_check (ES256_TOKEN, curve, &joe, NOW_S, &findings);
  g_assert_cmpint (findings.verdict, ==, OAUTH_RIGHT);
  g_assert_cmpstr (findings.user, ==, "joe");
  oauth_jwt_check (ES256_TOKEN, curve, &joe, 1300819380 + 30, &findings);
  g_assert_cmpint (findings.verdict, ==, OAUTH_WRONG);
  oauth_jwt_check (EDDSA_TOKEN, edwards, &joe, NOW_S, &findings);
  g_assert_cmpstr (findings.why, ==, "the token has no claims");
  oauth_jwt_check (EDDSA_TOKEN, curve, &joe, NOW_S, &findings);
  g_assert_cmpstr (findings.why, ==, "there is no such key (kid, alg) in sasl-oauth.key_file");
}

/* ---- tokens of our own ---- */

typedef struct Signer
{
  const char *algorithm;
  gnutls_pk_algorithm_t kind;
  unsigned bits;
  gnutls_digest_algorithm_t digest;
  gnutls_privkey_t key;
  char *pem; /* the public half */
} Signer;
static Signer signers[] = {
  { "RS256", GNUTLS_PK_RSA, 2048, GNUTLS_DIG_SHA256, NULL, NULL },
  { "ES256", GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS (GNUTLS_ECC_CURVE_SECP256R1), GNUTLS_DIG_SHA256, NULL,
    NULL },
  { "EdDSA", GNUTLS_PK_EDDSA_ED25519, 256, GNUTLS_DIG_SHA512, NULL, NULL },
};

static char *
export_public (gnutls_privkey_t key)
{
  gnutls_pubkey_t pubkey;
  gnutls_datum_t out = { 0 };
  g_assert_cmpint (gnutls_pubkey_init (&pubkey), ==, 0);
  g_assert_cmpint (gnutls_pubkey_import_privkey (pubkey, key, 0, 0), ==, 0);
  g_assert_cmpint (gnutls_pubkey_export2 (pubkey, GNUTLS_X509_FMT_PEM, &out), ==, 0);
  char *pem = g_strndup ((const char *) out.data, out.size);
  gnutls_free (out.data);
  gnutls_pubkey_deinit (pubkey);
  return pem;
}

static void
make_signers (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (signers); i++)
    {
      Signer *signer = &signers[i];
      g_assert_cmpint (gnutls_privkey_init (&signer->key), ==, 0);
      g_assert_cmpint (gnutls_privkey_generate (signer->key, signer->kind, signer->bits, 0), ==, 0);
      signer->pem = export_public (signer->key);
    }
}

static void
free_signers (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (signers); i++)
    {
      gnutls_privkey_deinit (signers[i].key);
      g_free (signers[i].pem);
    }
}

/* The signature of @text in the form of RFC 7518 3. */
static char *
make_signature (const Signer *signer, const char *text)
{
  const gnutls_datum_t data = { .data = (unsigned char *) text, .size = (unsigned) strlen (text) };
  gnutls_datum_t signature = { 0 };
  g_assert_cmpint (gnutls_privkey_sign_data (signer->key, signer->digest, 0, &data, &signature), ==, 0);
  char *encoded;
  if (signer->kind == GNUTLS_PK_ECDSA)
    {
      gnutls_datum_t halves[2] = { 0 };
      guint8 raw[64] = { 0 };
      g_assert_cmpint (gnutls_decode_rs_value (&signature, &halves[0], &halves[1]), ==, 0);
      for (guint i = 0; i < 2; i++)
        {
          guint n = MIN (halves[i].size, 32);
          memcpy (raw + 32 * (i + 1) - n, halves[i].data + halves[i].size - n, n);
          gnutls_free (halves[i].data);
        }
      encoded = encode (raw, sizeof raw);
    }
  else
    encoded = encode (signature.data, signature.size);
  gnutls_free (signature.data);
  return encoded;
}

static char *
make_token (const Signer *signer, const char *header, const char *claims)
{
  g_autofree char *first = encode (header, strlen (header)), *second = encode (claims, strlen (claims));
  g_autofree char *text = g_strjoin (".", first, second, NULL);
  g_autofree char *signature = make_signature (signer, text);
  return g_strjoin (".", text, signature, NULL);
}

static OauthVerdict
check (const Signer *signer, const char *header, const char *claims, const OauthSettings *settings,
       const char *keys)
{
  g_autofree char *token = make_token (signer, header, claims);
  g_autoptr (GPtrArray) parsed = oauth_keys_parse (keys, strlen (keys), NULL);
  g_auto (OauthFindings) findings = { 0 };
  g_assert_nonnull (parsed);
  oauth_jwt_check (token, parsed, settings, NOW_S, &findings);
  if (findings.verdict == OAUTH_RIGHT)
    {
      g_assert_cmpstr (findings.user, ==, "anna");
      g_assert_cmpstr (findings.client, ==, "thunderbird");
      g_assert_cmpint (findings.expires_s, ==, 1300819100);
    }
  else
    g_assert_nonnull (findings.why);
  return findings.verdict;
}

static void
test_algorithms (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (signers); i++)
    for (guint k = 0; k < G_N_ELEMENTS (signers); k++)
      {
        g_autofree char *header = g_strdup_printf ("{\"alg\":\"%s\",\"typ\":\"JWT\"}", signers[k].algorithm);
        g_assert_cmpint (check (&signers[i], header, CLAIMS, &usual, signers[i].pem), ==,
                         i == k ? OAUTH_RIGHT : OAUTH_WRONG);
        g_autofree char *both = g_strconcat (signers[i].pem, signers[k].pem, NULL);
        g_assert_cmpint (check (&signers[i], header, CLAIMS, &usual, both), ==,
                         i == k ? OAUTH_RIGHT : OAUTH_WRONG);
      }
}

/* No signature; and an HMAC whose key is the text of the public key, which a server that lets a token choose
 * would take (RFC 8725 2.1). */
static void
test_confusion (void)
{
  static const char *const unsigned_headers[] = { "{\"alg\":\"none\"}", "{\"alg\":\"NONE\"}",
                                                  "{\"alg\":\"\"}",     "{}",
                                                  "{\"alg\":null}",     "{\"alg\":[\"RS256\"]}" };
  const Signer *rsa = &signers[0];
  g_autofree char *claims = encode (CLAIMS, strlen (CLAIMS));
  g_autoptr (GPtrArray) keys = oauth_keys_parse (rsa->pem, strlen (rsa->pem), NULL);
  g_auto (OauthFindings) findings = { 0 };
  for (guint i = 0; i < G_N_ELEMENTS (unsigned_headers); i++)
    {
      g_autofree char *header = encode (unsigned_headers[i], strlen (unsigned_headers[i]));
      g_autofree char *token = g_strconcat (header, ".", claims, ".", NULL);
      oauth_jwt_check (token, keys, &usual, NOW_S, &findings);
      g_assert_cmpint (findings.verdict, ==, OAUTH_WRONG);
      g_assert_cmpint (check (rsa, unsigned_headers[i], CLAIMS, &usual, rsa->pem), ==, OAUTH_WRONG);
    }
  g_autofree char *header = encode ("{\"alg\":\"HS256\"}", strlen ("{\"alg\":\"HS256\"}"));
  g_autofree char *text = g_strjoin (".", header, claims, NULL);
  guint8 mac[32];
  gnutls_hmac_fast (GNUTLS_MAC_SHA256, rsa->pem, strlen (rsa->pem), text, strlen (text), mac);
  g_autofree char *signature = encode (mac, sizeof mac);
  g_autofree char *token = g_strjoin (".", text, signature, NULL);
  oauth_jwt_check (token, keys, &usual, NOW_S, &findings);
  g_assert_cmpint (findings.verdict, ==, OAUTH_WRONG);
}

#define HEADER "{\"alg\":\"ES256\"}"

static void
test_headers (void)
{
  static const struct
  {
    const char *header;
    OauthVerdict verdict;
  } rows[] = {
    { "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", OAUTH_RIGHT },
    { "{\"alg\":\"ES256\",\"typ\":\"application/AT+JWT\"}", OAUTH_RIGHT },
    { "{\"alg\":\"ES256\",\"kid\":\"whatever\"}", OAUTH_RIGHT }, /* keys in PEM have no name */
    { "{\"alg\":\"ES256\",\"typ\":\"logout+jwt\"}", OAUTH_WRONG },
    { "{\"alg\":\"ES256\",\"typ\":7}", OAUTH_WRONG },
    { "{\"alg\":\"ES256\",\"crit\":[\"exp\"]}", OAUTH_WRONG },
    { "{\"alg\":\"ES256\",\"alg\":\"ES256\"}", OAUTH_WRONG },
    { "[\"ES256\"]", OAUTH_WRONG },
    { "ES256", OAUTH_WRONG },
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    g_assert_cmpint (check (&signers[1], rows[i].header, CLAIMS, &usual, signers[1].pem), ==,
                     rows[i].verdict);
}

#define C(rest) "{\"iss\":\"https://idp.example.org\",\"azp\":\"thunderbird\"," rest "}"
#define REST "\"aud\":\"mail\",\"exp\":1300819100,\"preferred_username\":\"anna\",\"scope\":\"mail.read\""

static const struct
{
  const char *claims;
  OauthVerdict verdict;
} claim_rows[] = {
  { C (REST), OAUTH_RIGHT },
  { C ("\"aud\":[\"x\",\"post\"],\"exp\":1300819100,\"preferred_username\":\"anna\",\"scp\":[\"mail.read\"]"),
    OAUTH_RIGHT },
  { C ("\"aud\":\"mail\",\"exp\":1300819100.5,\"preferred_username\":\"anna\",\"scp\":\"a mail.read\""),
    OAUTH_RIGHT },
  { C ("\"nbf\":1300819030," REST), OAUTH_RIGHT },
  { C ("\"nbf\":1300819031," REST), OAUTH_WRONG },
  { C ("\"nbf\":\"1300819000\"," REST), OAUTH_WRONG },
  { C ("\"nbf\":1e300," REST), OAUTH_WRONG },
  { C ("\"aud\":\"mail\",\"preferred_username\":\"anna\",\"scope\":\"mail.read\""), OAUTH_WRONG },
  { C ("\"aud\":\"mail\",\"exp\":\"1300819100\",\"preferred_username\":\"anna\",\"scope\":\"mail.read\""),
    OAUTH_WRONG },
  { C ("\"aud\":\"mail\",\"exp\":1300818970,\"preferred_username\":\"anna\",\"scope\":\"mail.read\""),
    OAUTH_WRONG },
  { C ("\"aud\":\"mail\",\"exp\":-1,\"preferred_username\":\"anna\",\"scope\":\"mail.read\""), OAUTH_WRONG },
  { C ("\"aud\":\"mail\",\"exp\":1e300,\"preferred_username\":\"anna\",\"scope\":\"mail.read\""),
    OAUTH_WRONG },
  { C ("\"aud\":\"web\",\"exp\":1300819100,\"preferred_username\":\"anna\",\"scope\":\"mail.read\""),
    OAUTH_WRONG },
  { C ("\"aud\":[],\"exp\":1300819100,\"preferred_username\":\"anna\",\"scope\":\"mail.read\""),
    OAUTH_WRONG },
  { C ("\"exp\":1300819100,\"preferred_username\":\"anna\",\"scope\":\"mail.read\""), OAUTH_WRONG },
  { C ("\"aud\":\"mail\",\"exp\":1300819100,\"preferred_username\":\"anna\",\"scope\":\"mail.readonly\""),
    OAUTH_NO_SCOPE },
  { C ("\"aud\":\"mail\",\"exp\":1300819100,\"preferred_username\":\"anna\""), OAUTH_NO_SCOPE },
  { C ("\"aud\":\"mail\",\"exp\":1300819100,\"scope\":\"mail.read\""), OAUTH_WRONG },
  { C ("\"aud\":\"mail\",\"exp\":1300819100,\"preferred_username\":\"\",\"scope\":\"mail.read\""),
    OAUTH_WRONG },
  { C ("\"aud\":\"mail\",\"exp\":1300819100,\"preferred_username\":7,\"scope\":\"mail.read\""), OAUTH_WRONG },
  { C ("\"preferred_username\":\"otto\"," REST), OAUTH_WRONG }, /* twice */
  { "{\"iss\":\"https://idp.example.org/\"," REST "}", OAUTH_WRONG },
  { "{" REST "}", OAUTH_WRONG },
  { "{}", OAUTH_WRONG },
  { "[]", OAUTH_WRONG },
  { "null", OAUTH_WRONG },
};

static void
test_claims (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (claim_rows); i++)
    {
      g_autofree char *token = make_token (&signers[1], HEADER, claim_rows[i].claims);
      g_autoptr (GPtrArray) keys = oauth_keys_parse (signers[1].pem, strlen (signers[1].pem), NULL);
      g_auto (OauthFindings) findings = { 0 };
      oauth_jwt_check (token, keys, &usual, NOW_S, &findings);
      if (findings.verdict != claim_rows[i].verdict)
        g_error ("row %u: %d %s", i, findings.verdict, findings.why);
    }
}

static void
test_addresses (void)
{
  OauthSettings by_email = usual;
  by_email.user_claim = "email";
  static const struct
  {
    const char *more;
    OauthVerdict verdict;
  } rows[] = { { "", OAUTH_RIGHT },
               { ",\"email_verified\":true", OAUTH_RIGHT },
               { ",\"email_verified\":false", OAUTH_WRONG },
               { ",\"email_verified\":\"yes\"", OAUTH_WRONG } };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *claims = g_strdup_printf (C ("\"email\":\"anna\"%s," REST), rows[i].more);
      g_assert_cmpint (check (&signers[1], HEADER, claims, &by_email, signers[1].pem), ==, rows[i].verdict);
    }
}

/* One bit of a token, wherever it is; each shorter token; and what is none. */
static void
test_damage (void)
{
  g_autofree char *token = make_token (&signers[1], HEADER, CLAIMS);
  g_autoptr (GPtrArray) keys = oauth_keys_parse (signers[1].pem, strlen (signers[1].pem), NULL);
  g_auto (OauthFindings) findings = { 0 };
  gsize len = strlen (token);
  for (gsize i = 0; i < len - 1; i++) /* the last character has bits that are not used */
    {
      g_autofree char *damaged = g_strdup (token), *shorter = g_strndup (token, i);
      damaged[i] = damaged[i] == 'A' ? 'B' : 'A';
      oauth_jwt_check (damaged, keys, &usual, NOW_S, &findings);
      g_assert_cmpint (findings.verdict, ==, OAUTH_WRONG);
      oauth_jwt_check (shorter, keys, &usual, NOW_S, &findings);
      g_assert_cmpint (findings.verdict, ==, OAUTH_WRONG);
    }
  static const char *const odd[] = {
    "", ".", "..", "...", "a.b.c", "a.b.c.d", "e30.e30.", "=.=.=", "\377.a.b"
  };
  for (guint i = 0; i < G_N_ELEMENTS (odd); i++)
    {
      oauth_jwt_check (odd[i], keys, &usual, NOW_S, &findings);
      g_assert_cmpint (findings.verdict, ==, OAUTH_WRONG);
    }
  g_autofree char *deep = g_strnfill (7000, '[');
  g_autofree char *header = encode (deep, strlen (deep));
  g_autofree char *nested = g_strconcat (header, ".e30.AAAA", NULL);
  oauth_jwt_check (nested, keys, &usual, NOW_S, &findings);
  g_assert_cmpint (findings.verdict, ==, OAUTH_WRONG);
}

/* ---- key sets ---- */

static char *
make_jwk (const Signer *signer, const char *more)
{
  gnutls_pubkey_t key;
  gnutls_datum_t a = { 0 }, b = { 0 };
  gnutls_ecc_curve_t curve;
  g_assert_cmpint (gnutls_pubkey_init (&key), ==, 0);
  g_assert_cmpint (gnutls_pubkey_import_privkey (key, signer->key, 0, 0), ==, 0);
  gboolean is_rsa = signer->kind == GNUTLS_PK_RSA, is_ec = signer->kind == GNUTLS_PK_ECDSA;
  int rc = is_rsa
               ? gnutls_pubkey_export_rsa_raw2 (key, &a, &b, GNUTLS_EXPORT_FLAG_NO_LZ)
               : gnutls_pubkey_export_ecc_raw2 (key, &curve, &a, is_ec ? &b : NULL, GNUTLS_EXPORT_FLAG_NO_LZ);
  g_assert_cmpint (rc, ==, 0);
  g_autofree char *first = encode (a.data, a.size), *second = b.size > 0 ? encode (b.data, b.size) : NULL;
  gnutls_free (a.data);
  gnutls_free (b.data);
  gnutls_pubkey_deinit (key);
  if (is_rsa)
    return g_strdup_printf ("{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"%s}", first, second, more);
  if (is_ec)
    return g_strdup_printf ("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"%s}", first, second,
                            more);
  return g_strdup_printf ("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%s\"%s}", first, more);
}

static void
test_sets (void)
{
  static const struct
  {
    const char *more, *kid;
    OauthVerdict verdict;
  } rows[] = {
    { "", "", OAUTH_RIGHT },
    { ",\"kid\":\"1\",\"use\":\"sig\"", ",\"kid\":\"1\"", OAUTH_RIGHT },
    { ",\"kid\":\"1\"", "", OAUTH_RIGHT },
    { ",\"kid\":\"1\"", ",\"kid\":\"2\"", OAUTH_WRONG },
  };
  for (guint k = 0; k < G_N_ELEMENTS (signers); k++)
    for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
      {
        g_autofree char *jwk = make_jwk (&signers[k], rows[i].more);
        g_autofree char *set = g_strdup_printf ("{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"},%s,7,{}]}", jwk);
        g_autofree char *header = g_strdup_printf ("{\"alg\":\"%s\"%s}", signers[k].algorithm, rows[i].kid);
        g_assert_cmpint (check (&signers[k], header, CLAIMS, &usual, set), ==, rows[i].verdict);
      }
}

static void
test_bad_sets (void)
{
  g_autofree char *encryption = make_jwk (&signers[0], ",\"use\":\"enc\"");
  g_autofree char *other = make_jwk (&signers[0], ",\"alg\":\"PS256\"");
  g_autofree char *first = g_strdup_printf ("{\"keys\":[%s]}", encryption);
  g_autofree char *second = g_strdup_printf ("{\"keys\":[%s]}", other);
  const char *const rows[] = {
    "",
    "{}",
    "{\"keys\":{}}",
    "{\"keys\":[]}",
    "{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}]}",
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}]}",
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AAAA\",\"y\":\"AAAA\"}]}",
    "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"" /* 96 bits */ "AQIDBAUGBwgJCgsM\",\"e\":\"AQAB\"}]}",
    "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}]}",
    "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    first,
    second,
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GError) error = NULL;
      g_assert_null (oauth_keys_parse (rows[i], strlen (rows[i]), &error));
      g_assert_nonnull (error);
    }
}

static void
test_base64url (void)
{
  static const char *const bad[] = { "", "A", "AAAAA", "AA==", "A+AA", "A/AA", "AA A", "AA\n" };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_null (oauth_base64url_decode (bad[i], strlen (bad[i])));
  g_autoptr (GBytes) bytes = oauth_base64url_decode ("-_8", 3), wanted = g_bytes_new_static ("\373\377", 2);
  g_assert_true (g_bytes_equal (bytes, wanted));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  make_signers ();
  g_test_add_func ("/jwt/examples", test_examples);
  g_test_add_func ("/jwt/algorithms", test_algorithms);
  g_test_add_func ("/jwt/confusion", test_confusion);
  g_test_add_func ("/jwt/headers", test_headers);
  g_test_add_func ("/jwt/claims", test_claims);
  g_test_add_func ("/jwt/addresses", test_addresses);
  g_test_add_func ("/jwt/damage", test_damage);
  g_test_add_func ("/jwt/sets", test_sets);
  g_test_add_func ("/jwt/bad-sets", test_bad_sets);
  g_test_add_func ("/jwt/base64url", test_base64url);
  int status = g_test_run ();
  free_signers ();
  return status;
}
