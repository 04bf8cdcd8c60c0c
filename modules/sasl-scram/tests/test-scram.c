/* SPDX-License-Identifier: MIT
 * SCRAM: the examples of RFC 5802 and RFC 7677, bindings, and what must not get in.
 */
#include "core/daemon/auth/exchange/auth_sasl.h"
#include "core/runtime/login/auth_call_private.h"
#include "exchange.h"
#include "messages.h"

#include <satchel/scram.h>
#include <string.h>

typedef struct Example
{
  SatchelScramHash hash;
  const SatchelSaslOps *ops;
  const char *salt, *nonce;
  const char *client_first, *server_first, *client_final, *server_final;
} Example;

/* RFC 5802 5 and RFC 7677 3: user "user", password "pencil", 4096 iterations. */
static const Example examples[] = {
  { SATCHEL_SCRAM_SHA_1, &scram_sha_1, "QSXCR+Q6sek8bf92", "3rfcNHYJY1ZVvWVs7j",
    "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
    "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
    "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
    "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=" },
  { SATCHEL_SCRAM_SHA_256, &scram_sha_256, "W22ZaJ0SNY7soEsUEjb6gQ==", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
    "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+"
    "Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" },
};

static char *
make_keys (const Example *example, const char *password)
{
  gsize len;
  g_autofree guint8 *salt = g_base64_decode (example->salt, &len);
  SatchelScramKeys keys;
  g_assert_true (satchel_scram_keys_make (example->hash, password, salt, len, 4096, &keys, NULL));
  return satchel_scram_keys_format (&keys);
}

static SatchelSaslResult
say (SatchelSasl *sasl, const char *text)
{
  return satchel_sasl_step (sasl, (const guint8 *) text, strlen (text));
}

static void
assert_challenge (SatchelSasl *sasl, const char *expected)
{
  gsize len;
  const char *challenge = g_bytes_get_data (sasl->turn.challenge, &len);
  g_assert_cmpmem (challenge, len, expected, strlen (expected));
}

/* The exchange of @example with what the database says of "user"; the result of its proof. */
static SatchelSaslResult
run_example (const Example *example, const char *scram, const char *client_final)
{
  const SatchelLogin login = { .size = sizeof login, .mechanism = example->ops->name };
  g_autoptr (SatchelSasl) sasl = satchel_sasl_new (example->ops, &login);
  const SatchelCredential credential = { .size = sizeof credential, .scram = (char *) scram };
  scram_test_nonce = example->nonce;
  g_assert_cmpint (say (sasl, example->client_first), ==, SATCHEL_SASL_LOOK_UP);
  g_assert_cmpstr (sasl->turn.user, ==, "user");
  g_assert_null (sasl->turn.authorisation);
  g_assert_cmpint (satchel_sasl_found (sasl, "user@x.org", scram != NULL ? &credential : NULL), ==,
                   SATCHEL_SASL_CHALLENGE);
  if (scram != NULL)
    assert_challenge (sasl, example->server_first);
  SatchelSaslResult result = say (sasl, client_final);
  if (result != SATCHEL_SASL_CHALLENGE)
    return result;
  assert_challenge (sasl, example->server_final);
  result = say (sasl, "");
  if (result == SATCHEL_SASL_RIGHT)
    g_assert_cmpuint (g_bytes_get_size (sasl->turn.key), ==, satchel_scram_hash_bytes (example->hash));
  return result;
}

static void
test_examples (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (examples); i++)
    {
      const Example *example = &examples[i];
      g_autofree char *keys = make_keys (example, "pencil"), *others = make_keys (example, "pencils");
      g_autofree char *damaged = g_strdup (keys), *both = g_strconcat ("SCRAM-SHA-512$x ", keys, NULL);
      damaged[strlen (damaged) - 40] = '!';
      g_assert_cmpint (run_example (example, keys, example->client_final), ==, SATCHEL_SASL_RIGHT);
      g_assert_cmpint (run_example (example, both, example->client_final), ==, SATCHEL_SASL_RIGHT);
      g_assert_cmpint (run_example (example, others, example->client_final), ==, SATCHEL_SASL_WRONG);
      g_assert_cmpint (run_example (example, NULL, example->client_final), ==, SATCHEL_SASL_WRONG);
    }
}

/* What differs from the example in one place only is wrong, or no message at all. */
static void
test_final_messages (void)
{
  const Example *example = &examples[1];
  g_autofree char *keys = make_keys (example, "pencil");
  for (gsize i = 0; i < strlen (example->client_final); i++)
    {
      g_autofree char *bad = g_strdup (example->client_final);
      bad[i] = bad[i] == 'x' ? 'y' : 'x';
      g_assert_cmpint (run_example (example, keys, bad), !=, SATCHEL_SASL_RIGHT);
    }
  static const char *const malformed[] = { "",
                                           "c=biws",
                                           "p=",
                                           "c=biws,r=a",
                                           "c=biws,r=a,p=",
                                           "c=,r=a,p=AAAA",
                                           "c=biw,r=a,p=AAAA",
                                           "c=bi=s,r=a,p=AAAA" };
  for (guint i = 0; i < G_N_ELEMENTS (malformed); i++)
    g_assert_cmpint (run_example (example, keys, malformed[i]), ==, SATCHEL_SASL_MALFORMED);
  /* A proof over a proof: only the last part is one. */
  g_assert_cmpint (run_example (example, keys, "c=biws,r=a,p=AAAA"), ==, SATCHEL_SASL_WRONG);
}

static void
test_first_messages (void)
{
  static const char *const bad[] = { "",
                                     "n",
                                     "n,",
                                     "n,,",
                                     "n,,n=",
                                     "n,,n=a",
                                     "n,,n=a,r=",
                                     "n,,r=x,n=a",
                                     "x,,n=a,r=b",
                                     "n,,m=1,n=a,r=b",
                                     "n,,n=a=,r=b",
                                     "n,,n=a=2c,r=b",
                                     "n,,n=,r=b",
                                     "n,a=,n=a,r=b",
                                     "n,,n=a,r=b c",
                                     "n,,n=\377,r=b",
                                     "p=,,n=a,r=b" };
  ScramFirst first;
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (scram_first_parse ((const guint8 *) bad[i], strlen (bad[i]), &first));
  const char *good = "p=tls-exporter,a=b=2Cc,n=a=3Db=2C,r=nonce,x=more";
  g_assert_true (scram_first_parse ((const guint8 *) good, strlen (good), &first));
  g_assert_cmpstr (first.header, ==, "p=tls-exporter,a=b=2Cc,");
  g_assert_cmpstr (first.bare, ==, "n=a=3Db=2C,r=nonce,x=more");
  g_assert_cmpstr (first.user, ==, "a=b,");
  g_assert_cmpstr (first.authorisation, ==, "b,c");
  g_assert_cmpstr (first.nonce, ==, "nonce");
  g_assert_cmpstr (first.binding, ==, "tls-exporter");
  scram_first_clear (&first);
  g_autofree char *huge = g_strnfill (5000, 'r');
  memcpy (huge, "n,,n=a,r=", 9);
  g_assert_false (scram_first_parse ((const guint8 *) huge, 5000, &first));
}

/* A client of its own, with the arithmetic of the header. */
static SatchelSaslResult
log_in_bound (const SatchelSaslOps *ops, const SatchelLogin *login, const char *header, GBytes *bound)
{
  SatchelLogin own = *login;
  own.mechanism = ops->name;
  g_autoptr (SatchelSasl) sasl = satchel_sasl_new (ops, &own);
  g_autofree char *text = make_keys (&examples[1], "pencil");
  const SatchelCredential credential = { .size = sizeof credential, .scram = text };
  g_autofree char *first = g_strdup_printf ("%sn=user,r=abc", header);
  scram_test_nonce = "def";
  SatchelSaslResult result = say (sasl, first);
  if (result != SATCHEL_SASL_LOOK_UP)
    return result;
  g_assert_cmpint (satchel_sasl_found (sasl, "user@x.org", &credential), ==, SATCHEL_SASL_CHALLENGE);
  g_autoptr (GByteArray) c = g_byte_array_new ();
  g_byte_array_append (c, (const guint8 *) header, (guint) strlen (header));
  if (bound != NULL)
    g_byte_array_append (c, g_bytes_get_data (bound, NULL), (guint) g_bytes_get_size (bound));
  g_autofree char *c64 = g_base64_encode (c->data, c->len);
  g_autofree char *without = g_strdup_printf ("c=%s,r=abcdef", c64);
  g_autofree char *message =
      g_strdup_printf ("n=user,r=abc,r=abcdef,s=%s,i=4096,%s", examples[1].salt, without);
  /* The client's arithmetic: salted password, ClientKey, StoredKey, signature. */
  gsize salt_len, n = 32;
  g_autofree guint8 *salt = g_base64_decode (examples[1].salt, &salt_len);
  guint8 client_key[32], stored[32], signature[32];
  g_autoptr (GHmac) block = g_hmac_new (G_CHECKSUM_SHA256, (const guchar *) "pencil", 6);
  guint8 u[32], salted[32];
  g_hmac_update (block, salt, (gssize) salt_len);
  g_hmac_update (block, (const guchar *) "\0\0\0\1", 4);
  g_hmac_get_digest (block, u, &n);
  memcpy (salted, u, 32);
  for (guint i = 1; i < 4096; i++)
    {
      g_autoptr (GHmac) hmac = g_hmac_new (G_CHECKSUM_SHA256, (const guchar *) "pencil", 6);
      g_hmac_update (hmac, u, 32);
      g_hmac_get_digest (hmac, u, &n);
      for (guint k = 0; k < 32; k++)
        salted[k] ^= u[k];
    }
  g_autoptr (GHmac) key = g_hmac_new (G_CHECKSUM_SHA256, salted, 32);
  g_hmac_update (key, (const guchar *) "Client Key", 10);
  g_hmac_get_digest (key, client_key, &n);
  g_autoptr (GChecksum) hash = g_checksum_new (G_CHECKSUM_SHA256);
  g_checksum_update (hash, client_key, 32);
  g_checksum_get_digest (hash, stored, &n);
  g_autoptr (GHmac) sign = g_hmac_new (G_CHECKSUM_SHA256, stored, 32);
  g_hmac_update (sign, (const guchar *) message, (gssize) strlen (message));
  g_hmac_get_digest (sign, signature, &n);
  for (guint k = 0; k < 32; k++)
    signature[k] ^= client_key[k];
  g_autofree char *proof = g_base64_encode (signature, 32);
  g_autofree char *final = g_strdup_printf ("%s,p=%s", without, proof);
  result = say (sasl, final);
  if (result != SATCHEL_SASL_CHALLENGE)
    return result;
  result = say (sasl, "");
  /* What opens a keyring is what the client computed. */
  g_assert_cmpmem (g_bytes_get_data (sasl->turn.key, NULL), 32, client_key, 32);
  return result;
}

static void
test_bindings (void)
{
  g_autoptr (GBytes) exporter = g_bytes_new_static ("exporter of this session", 24);
  g_autoptr (GBytes) end_point = g_bytes_new_static ("certificate's hash", 18);
  g_autoptr (GBytes) other = g_bytes_new_static ("exporter of that session", 24);
  const SatchelLogin none = { .size = sizeof none };
  const SatchelLogin tls = { .size = sizeof tls,
                             .tls_exporter = exporter,
                             .tls_server_end_point = end_point };
  const SatchelSaslOps *plus = &scram_sha_256_plus, *plain = &scram_sha_256;
  g_assert_cmpint (log_in_bound (plus, &tls, "p=tls-exporter,,", exporter), ==, SATCHEL_SASL_RIGHT);
  g_assert_cmpint (log_in_bound (plus, &tls, "p=tls-server-end-point,,", end_point), ==, SATCHEL_SASL_RIGHT);
  g_assert_cmpint (log_in_bound (plus, &tls, "p=tls-exporter,,", other), ==, SATCHEL_SASL_WRONG);
  g_assert_cmpint (log_in_bound (plus, &tls, "p=tls-exporter,,", end_point), ==, SATCHEL_SASL_WRONG);
  g_assert_cmpint (log_in_bound (plus, &tls, "p=tls-exporter,,", NULL), ==, SATCHEL_SASL_WRONG);
  g_assert_cmpint (log_in_bound (plus, &tls, "p=tls-unique,,", exporter), ==, SATCHEL_SASL_MALFORMED);
  g_assert_cmpint (log_in_bound (plus, &none, "p=tls-exporter,,", exporter), ==, SATCHEL_SASL_MALFORMED);
  g_assert_cmpint (log_in_bound (plus, &tls, "n,,", NULL), ==, SATCHEL_SASL_MALFORMED);
  g_assert_cmpint (log_in_bound (plain, &tls, "n,,", NULL), ==, SATCHEL_SASL_RIGHT);
  g_assert_cmpint (log_in_bound (plain, &none, "n,,", NULL), ==, SATCHEL_SASL_RIGHT);
  g_assert_cmpint (log_in_bound (plain, &none, "y,,", NULL), ==, SATCHEL_SASL_RIGHT);
  /* The client was told that there is no binding, and there is: somebody is in between. */
  g_assert_cmpint (log_in_bound (plain, &tls, "y,,", NULL), ==, SATCHEL_SASL_MALFORMED);
  g_assert_cmpint (log_in_bound (plain, &tls, "p=tls-exporter,,", exporter), ==, SATCHEL_SASL_MALFORMED);
}

static char *
salt_of (const char *user, gboolean is_user)
{
  const SatchelLogin login = { .size = sizeof login, .mechanism = "SCRAM-SHA-256" };
  g_autoptr (SatchelSasl) sasl = satchel_sasl_new (&scram_sha_256, &login);
  const SatchelCredential without = { .size = sizeof without };
  gsize len;
  scram_test_nonce = NULL;
  g_assert_cmpint (say (sasl, "n,,n=somebody,r=x"), ==, SATCHEL_SASL_LOOK_UP);
  g_assert_cmpint (satchel_sasl_found (sasl, user, is_user ? &without : NULL), ==, SATCHEL_SASL_CHALLENGE);
  const char *text = g_bytes_get_data (sasl->turn.challenge, &len);
  g_autofree char *copy = g_strndup (text, len);
  return g_strdup (strstr (copy, ",s="));
}

/* Who asks twice does not learn who exists: by no salt that changes, and by none that is missing. */
static void
test_made_up (void)
{
  satchel_auth_set_secret ((const guint8 *) "0123456789abcdef0123456789abcdef");
  scram_made_up_iterations = 5000;
  g_autofree char *one = salt_of ("a@x.org", FALSE), *again = salt_of ("a@x.org", FALSE);
  g_autofree char *other = salt_of ("b@x.org", FALSE), *without = salt_of ("a@x.org", TRUE);
  g_assert_cmpstr (one, ==, again);
  g_assert_cmpstr (one, ==, without);
  g_assert_cmpstr (one, !=, other);
  g_assert_true (g_str_has_suffix (one, ",i=5000"));
  satchel_auth_set_secret ((const guint8 *) "another secret, of a new machine");
  g_autofree char *elsewhere = salt_of ("a@x.org", FALSE);
  g_assert_cmpstr (one, !=, elsewhere);
}

/* RFC 8265: one password, however its letters were composed and its spaces typed. */
static void
test_prepared (void)
{
  g_autofree char *composed = make_keys (&examples[1], "caf\303\251 x");
  g_autofree char *decomposed = make_keys (&examples[1], "cafe\314\201\343\200\200x");
  g_assert_cmpstr (composed, ==, decomposed);
  g_autofree char *kept = satchel_secret_prepare ("\357\274\241 b"); /* width stays */
  g_assert_cmpstr (kept, ==, "\357\274\241 b");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/scram/examples", test_examples);
  g_test_add_func ("/scram/final-messages", test_final_messages);
  g_test_add_func ("/scram/first-messages", test_first_messages);
  g_test_add_func ("/scram/bindings", test_bindings);
  g_test_add_func ("/scram/made-up", test_made_up);
  g_test_add_func ("/scram/prepared", test_prepared);
  return g_test_run ();
}
