/* SPDX-License-Identifier: MIT
 * The server's side of SCRAM: RFC 5802 5, with channel bindings of RFC 9266 and RFC 5929.
 */
#include "exchange.h"
#include "messages.h"

#include <satchel/module.h>
#include <satchel/scram.h>
#include <string.h>
#include <unistd.h>

#define NONCE_BYTES 18u

gboolean scram_has_sha_1;
guint scram_made_up_iterations = 100000;
const char *scram_test_nonce;

typedef enum
{
  AWAITS_FIRST = 0,
  AWAITS_FINAL,
  AWAITS_END /* the client has the server's signature */
} Stage;

typedef struct Exchange
{
  const SatchelLogin *login;
  SatchelScramHash hash;
  gboolean is_plus, is_real; /* the keys are somebody's */
  Stage stage;
  ScramFirst first;
  GBytes *channel; /* borrowed; NULL: nothing is bound */
  SatchelScramKeys keys;
  char *nonce, *server_first;
  GBytes *client_key;
} Exchange;

static gpointer
exchange_new (const SatchelLogin *login)
{
  Exchange *exchange = g_new0 (Exchange, 1);
  exchange->login = login;
  exchange->hash = strstr (login->mechanism, "SHA-256") != NULL ? SATCHEL_SCRAM_SHA_256 : SATCHEL_SCRAM_SHA_1;
  exchange->is_plus = g_str_has_suffix (login->mechanism, "-PLUS");
  return exchange;
}

static void
exchange_free (gpointer data)
{
  Exchange *exchange = data;
  scram_first_clear (&exchange->first);
  g_free (exchange->nonce);
  g_free (exchange->server_first);
  g_clear_pointer (&exchange->client_key, g_bytes_unref);
  explicit_bzero (exchange, sizeof *exchange);
  g_free (exchange);
}

/* Chooses the channel binding (RFC 5802 6): a client that says "y" was told that there is none, by somebody
 * in between if there is one. */
static gboolean
choose_channel (Exchange *exchange)
{
  const SatchelLogin *login = exchange->login;
  const ScramFirst *first = &exchange->first;
  if (!exchange->is_plus)
    return first->binding == NULL
           && !(first->could_bind && (login->tls_exporter != NULL || login->tls_server_end_point != NULL));
  if (first->binding == NULL)
    return FALSE;
  if (strcmp (first->binding, "tls-exporter") == 0)
    exchange->channel = login->tls_exporter;
  else if (strcmp (first->binding, "tls-server-end-point") == 0)
    exchange->channel = login->tls_server_end_point;
  return exchange->channel != NULL;
}

static SatchelSaslResult
take_first (Exchange *exchange, const guint8 *response, gsize len, SatchelSaslTurn *turn)
{
  /* A client that sent no initial response gets an empty challenge. */
  if (response == NULL)
    return SATCHEL_SASL_CHALLENGE;
  if (!scram_first_parse (response, len, &exchange->first))
    return SATCHEL_SASL_MALFORMED;
  turn->name = g_strdup (exchange->first.user);
  if (!choose_channel (exchange))
    return SATCHEL_SASL_MALFORMED;
  turn->user = g_strdup (exchange->first.user);
  turn->authorisation = g_strdup (exchange->first.authorisation);
  return SATCHEL_SASL_LOOK_UP;
}

/* Fills @bytes with random numbers, without which the process ends. */
static void
fill_random (guint8 *bytes, gsize len)
{
  if (getentropy (bytes, len) != 0)
    satchel_process_fail ("the system gives no random numbers");
}

/* Makes up keys for a user who is unknown, or has none of this kind, with the same salt each time. */
static void
make_up_keys (Exchange *exchange, const char *user)
{
  guint8 salt[SATCHEL_DERIVED_BYTES];
  satchel_auth_derive (satchel_scram_hash_name (exchange->hash), user, salt);
  exchange->keys =
      (SatchelScramKeys) { .hash = exchange->hash, .iterations = scram_made_up_iterations, .salt_len = 16 };
  memcpy (exchange->keys.salt, salt, exchange->keys.salt_len);
  fill_random (exchange->keys.stored_key, sizeof exchange->keys.stored_key);
}

static char *
make_nonce (void)
{
  guint8 bytes[NONCE_BYTES];
  fill_random (bytes, sizeof bytes);
  return scram_test_nonce != NULL ? g_strdup (scram_test_nonce) : g_base64_encode (bytes, sizeof bytes);
}

static SatchelSaslResult
found (gpointer data, const char *user, const SatchelCredential *credential, SatchelSaslTurn *turn)
{
  Exchange *exchange = data;
  exchange->is_real = credential != NULL && SATCHEL_HAS (credential, scram)
                      && satchel_scram_keys_parse (credential->scram, exchange->hash, &exchange->keys);
  if (!exchange->is_real)
    make_up_keys (exchange, user);
  g_autofree char *own = make_nonce ();
  g_autofree char *salt = g_base64_encode (exchange->keys.salt, exchange->keys.salt_len);
  exchange->nonce = g_strconcat (exchange->first.nonce, own, NULL);
  exchange->server_first =
      g_strdup_printf ("r=%s,s=%s,i=%u", exchange->nonce, salt, exchange->keys.iterations);
  turn->challenge = g_bytes_new (exchange->server_first, strlen (exchange->server_first));
  exchange->stage = AWAITS_FINAL;
  return SATCHEL_SASL_CHALLENGE;
}

static SatchelSaslResult
check_proof (Exchange *exchange, const ScramFinal *final, SatchelSaslTurn *turn)
{
  guint8 client_key[SATCHEL_SCRAM_KEY_MAX], signature[SATCHEL_SCRAM_KEY_MAX];
  gsize n = satchel_scram_hash_bytes (exchange->hash);
  g_autofree char *message =
      g_strdup_printf ("%s,%s,%s", exchange->first.bare, exchange->server_first, final->without_proof);
  if (strcmp (final->nonce, exchange->nonce) != 0 || final->proof_len != n
      || !satchel_scram_check_proof (&exchange->keys, message, final->proof, client_key) || !exchange->is_real
      || !scram_final_binds (final, exchange->first.header, exchange->channel))
    return SATCHEL_SASL_WRONG;
  exchange->client_key = satchel_secret_new (client_key, n);
  explicit_bzero (client_key, sizeof client_key);
  satchel_scram_sign (&exchange->keys, message, signature);
  g_autofree char *base64 = g_base64_encode (signature, n);
  g_autofree char *text = g_strconcat ("v=", base64, NULL);
  turn->challenge = g_bytes_new (text, strlen (text));
  exchange->stage = AWAITS_END;
  return SATCHEL_SASL_CHALLENGE;
}

static SatchelSaslResult
take_final (Exchange *exchange, const guint8 *response, gsize len, SatchelSaslTurn *turn)
{
  ScramFinal final = { 0 };
  if (!scram_final_parse (response, len, &final))
    return SATCHEL_SASL_MALFORMED;
  SatchelSaslResult result = check_proof (exchange, &final, turn);
  scram_final_clear (&final);
  return result;
}

static SatchelSaslResult
step (gpointer data, const guint8 *response, gsize len, SatchelSaslTurn *turn)
{
  Exchange *exchange = data;
  switch (exchange->stage)
    {
    case AWAITS_FIRST:
      return take_first (exchange, response, len, turn);
    case AWAITS_FINAL:
      return take_final (exchange, response, len, turn);
    case AWAITS_END:
      turn->key = exchange->client_key != NULL ? g_bytes_ref (exchange->client_key) : NULL;
      return len == 0 ? SATCHEL_SASL_RIGHT : SATCHEL_SASL_MALFORMED;
    }
  return SATCHEL_SASL_MALFORMED;
}

static gboolean
is_sha_1_on (void)
{
  return scram_has_sha_1;
}

#define SCRAM(NAME, FLAG, BAND, ON)                                                                          \
  { .size = sizeof (SatchelSaslOps),                                                                         \
    .name = NAME,                                                                                            \
    .flags = FLAG,                                                                                           \
    .band = BAND,                                                                                            \
    .is_on = ON,                                                                                             \
    .exchange_new = exchange_new,                                                                            \
    .step = step,                                                                                            \
    .found = found,                                                                                          \
    .exchange_free = exchange_free }
const SatchelSaslOps scram_sha_256_plus = SCRAM ("SCRAM-SHA-256-PLUS", SATCHEL_SASL_NEEDS_BINDING, 100, NULL);
const SatchelSaslOps scram_sha_256 = SCRAM ("SCRAM-SHA-256", SATCHEL_SASL_SEES_BINDING, 200, NULL);
const SatchelSaslOps scram_sha_1_plus =
    SCRAM ("SCRAM-SHA-1-PLUS", SATCHEL_SASL_NEEDS_BINDING, 150, is_sha_1_on);
const SatchelSaslOps scram_sha_1 = SCRAM ("SCRAM-SHA-1", SATCHEL_SASL_SEES_BINDING, 250, is_sha_1_on);
