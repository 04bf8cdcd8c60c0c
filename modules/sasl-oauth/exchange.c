/* SPDX-License-Identifier: MIT
 * The server's side of both mechanisms: a message with a token, which the helper checks, and after a failure
 * a reason in JSON and a response that says nothing (RFC 7628 3.2.2, 3.2.3).  No JSON is read here.
 */
#include "exchange.h"

#include "message.h"
#include "words.h"

#include <satchel/helper.h>
#include <string.h>

#define SAYS_MAX 4u /* texts of an answer */

static struct
{
  gboolean is_second_factor, has_xoauth2;
  char *hints; /* the end of the JSON that a client is told: members, each with a comma before it */
  char *scope;
} own;

typedef enum
{
  AWAITS_FIRST = 0,
  AWAITS_HELPER,
  AWAITS_DUMMY
} Stage;

typedef struct Exchange
{
  gboolean is_bearer;
  Stage stage;
  gboolean was_prompted, is_known;
  OauthMessage message;
  char *user; /* name of the user in its normal form */
} Exchange;

void
oauth_exchange_clear (void)
{
  g_clear_pointer (&own.hints, g_free);
  g_clear_pointer (&own.scope, g_free);
}

void
oauth_exchange_configure (const OauthSettings *settings)
{
  oauth_exchange_clear ();
  own.is_second_factor = settings->is_second_factor;
  own.has_xoauth2 = settings->has_xoauth2;
  own.scope = g_strjoinv (" ", (char **) settings->scope);
  own.hints = settings->openid_configuration != NULL
                  ? g_strdup_printf (",\"openid-configuration\":\"%s\"", settings->openid_configuration)
                  : g_strdup ("");
}

static gpointer
exchange_new (const SatchelLogin *login)
{
  Exchange *exchange = g_new0 (Exchange, 1);
  exchange->is_bearer = strcmp (login->mechanism, oauth_bearer.name) == 0;
  return exchange;
}

static void
exchange_free (gpointer data)
{
  Exchange *exchange = data;
  oauth_message_clear (&exchange->message);
  g_free (exchange->user);
  g_free (exchange);
}

/* Makes the failure that a client is told. The texts in it were looked at when the settings were read. */
static GBytes *
make_failure (const Exchange *exchange, const char *status)
{
  g_autoptr (GString) json = g_string_new (NULL);
  if (exchange->is_bearer)
    g_string_append_printf (json, "{\"status\":\"%s\"", status);
  else /* the form that Google describes, and that clients know */
    g_string_append (json, "{\"status\":\"401\",\"schemes\":\"Bearer\"");
  if (*own.scope != '\0')
    g_string_append_printf (json, ",\"scope\":\"%s\"", own.scope);
  g_string_append_printf (json, "%s}", exchange->is_bearer ? own.hints : "");
  return g_bytes_new (json->str, json->len);
}

static SatchelSaslResult
refute (Exchange *exchange, const char *status, const char *why, SatchelSaslTurn *turn)
{
  exchange->stage = AWAITS_DUMMY;
  turn->challenge = make_failure (exchange, status);
  turn->is_refuted = TRUE;
  turn->why = g_utf8_make_valid (why, -1);
  return SATCHEL_SASL_CHALLENGE;
}

static SatchelSaslResult
take_first (Exchange *exchange, const guint8 *response, gsize len, SatchelSaslTurn *turn)
{
  if (response == NULL)
    {
      gboolean was_prompted = exchange->was_prompted;
      exchange->was_prompted = TRUE;
      return was_prompted ? SATCHEL_SASL_MALFORMED : SATCHEL_SASL_CHALLENGE;
    }
  gboolean ok = exchange->is_bearer ? oauth_bearer_parse (response, len, &exchange->message)
                                    : oauth_xoauth2_parse (response, len, &exchange->message);
  if (!ok)
    {
      turn->name = g_strdup (exchange->message.user);
      return SATCHEL_SASL_MALFORMED;
    }
  turn->user = g_strdup (exchange->message.user);
  return SATCHEL_SASL_LOOK_UP;
}

static SatchelSaslResult
step (gpointer data, const guint8 *response, gsize len, SatchelSaslTurn *turn)
{
  Exchange *exchange = data;
  switch (exchange->stage)
    {
    case AWAITS_FIRST:
      return take_first (exchange, response, len, turn);
    case AWAITS_DUMMY:
      return SATCHEL_SASL_WRONG; /* whatever it says */
    case AWAITS_HELPER:
      break;
    }
  return SATCHEL_SASL_MALFORMED;
}

/* Goes on when the user was looked up. The token of somebody who is unknown is checked as well, so that the
 * time tells nothing. */
static SatchelSaslResult
found (gpointer data, const char *user, const SatchelCredential *credential, SatchelSaslTurn *turn)
{
  Exchange *exchange = data;
  exchange->user = g_strdup (user);
  exchange->is_known = credential != NULL;
  if (exchange->message.token == NULL)
    return refute (exchange, OAUTH_STATUS_TOKEN, "the client sent no token", turn);
  const char *const texts[] = { OAUTH_ASK_TOKEN, exchange->message.token, NULL };
  turn->request = satchel_helper_pack (texts);
  turn->helper = OAUTH_NAME;
  exchange->stage = AWAITS_HELPER;
  return SATCHEL_SASL_ASK;
}

static SatchelSaslResult
fail_unavailable (const char *why, SatchelSaslTurn *turn)
{
  turn->why = g_utf8_make_valid (why, -1);
  return SATCHEL_SASL_UNAVAILABLE;
}

/* Returns "oauth:" and the name of the program that the token was issued to, or what stands for it. */
static char *
make_credential (const char *client)
{
  g_autofree char *id = g_strconcat ("oauth:", *client != '\0' ? client : "token", NULL);
  gsize len = strspn (id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:");
  if (id[len] == '\0' && len <= SATCHEL_CREDENTIAL_ID_MAX)
    return g_steal_pointer (&id);
  g_autofree char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, client, -1);
  return g_strdup_printf ("oauth:%.32s", hash);
}

static SatchelSaslResult
take_right (Exchange *exchange, const char *user, const char *client, SatchelSaslTurn *turn)
{
  g_autofree char *canonical = satchel_user_canonical (user, strlen (user), NULL);
  if (canonical == NULL || strcmp (canonical, exchange->user) != 0)
    return refute (exchange, OAUTH_STATUS_TOKEN, "the token is another user's", turn);
  if (!exchange->is_known)
    return refute (exchange, OAUTH_STATUS_TOKEN, "the user of the token is not known here", turn);
  turn->credential = make_credential (client);
  turn->is_whole = own.is_second_factor;
  return SATCHEL_SASL_RIGHT;
}

static SatchelSaslResult
answered (gpointer data, GBytes *reply, const GError *error, SatchelSaslTurn *turn)
{
  Exchange *exchange = data;
  if (reply == NULL)
    return fail_unavailable (error->message, turn);
  g_autofree const char **texts = satchel_helper_unpack (reply, SAYS_MAX);
  guint n = texts != NULL ? g_strv_length ((char **) texts) : 0;
  if (n == 3 && strcmp (texts[0], OAUTH_SAY_RIGHT) == 0)
    return take_right (exchange, texts[1], texts[2], turn);
  if (n == 2 && strcmp (texts[0], OAUTH_SAY_WRONG) == 0)
    return refute (exchange, OAUTH_STATUS_TOKEN, texts[1], turn);
  if (n == 2 && strcmp (texts[0], OAUTH_SAY_SCOPE) == 0)
    return refute (exchange, OAUTH_STATUS_SCOPE, texts[1], turn);
  return fail_unavailable ("the helper sent a malformed answer", turn);
}

static gboolean
is_xoauth2_on (void)
{
  return own.has_xoauth2;
}

/* Returns @text as bytes and wipes it; the result is wiped when it goes. */
static GBytes *
take_response (GString *text)
{
  const char *const texts[] = { text->str, NULL };
  g_autoptr (GBytes) response = satchel_helper_pack (texts);
  explicit_bzero (text->str, text->len);
  return g_bytes_new_from_bytes (response, 0, g_bytes_get_size (response) - 1);
}

static GBytes *
make_bearer_response (const char *user, const char *secret)
{
  g_autoptr (GString) name = g_string_new (user);
  g_autoptr (GString) text = g_string_sized_new (strlen (user) + strlen (secret) + 64);
  g_string_replace (name, "=", "=3D", 0);
  g_string_replace (name, ",", "=2C", 0);
  g_string_append_printf (text, "n,a=%s,\001auth=Bearer %s\001\001", name->str, secret);
  return take_response (text);
}

static GBytes *
make_xoauth2_response (const char *user, const char *secret)
{
  g_autoptr (GString) text = g_string_sized_new (strlen (user) + strlen (secret) + 64);
  g_string_append_printf (text, "user=%s\001auth=Bearer %s\001\001", user, secret);
  return take_response (text);
}

#define OAUTH(NAME, BAND, ON, RESPONSE)                                                                      \
  { .size = sizeof (SatchelSaslOps),                                                                         \
    .name = NAME,                                                                                            \
    .flags = SATCHEL_SASL_SENDS_PASSWORD,                                                                    \
    .band = BAND,                                                                                            \
    .is_on = ON,                                                                                             \
    .exchange_new = exchange_new,                                                                            \
    .step = step,                                                                                            \
    .found = found,                                                                                          \
    .exchange_free = exchange_free,                                                                          \
    .answered = answered,                                                                                    \
    .make_response = RESPONSE }
const SatchelSaslOps oauth_bearer = OAUTH ("OAUTHBEARER", 400, NULL, make_bearer_response);
const SatchelSaslOps oauth_xoauth2 = OAUTH ("XOAUTH2", 410, is_xoauth2_on, make_xoauth2_response);
