/* SPDX-License-Identifier: MIT
 * This file runs SASL exchanges, and has the mechanisms PLAIN (RFC 4616) and LOGIN
 * (draft-murchison-sasl-login-00).
 */
#include "config.h"

#include "core/daemon/auth/exchange/auth_sasl.h"
#include "core/runtime/login/auth_call_private.h"

#include <satchel/helper.h>
#include <string.h>

void
satchel_auth_wipe (char *secret)
{
  if (secret != NULL)
    explicit_bzero (secret, strlen (secret));
  g_free (secret);
}

/* An exchange by PLAIN or LOGIN goes through these states. */
typedef struct Steps
{
  guint n;
  char *user;
} Steps;

static gpointer
steps_new (const SatchelLogin *login)
{
  return g_new0 (Steps, 1);
}

static void
steps_free (gpointer exchange)
{
  g_free (((Steps *) exchange)->user);
  g_free (exchange);
}

/* The message is [authzid] UTF8NUL authcid UTF8NUL passwd, all UTF-8, the last two not empty (RFC 4616 2). */
static SatchelSaslResult
step_plain (gpointer exchange, const guint8 *response, gsize len, SatchelSaslTurn *turn)
{
  Steps *steps = exchange;
  if (response == NULL && steps->n++ == 0)
    return SATCHEL_SASL_CHALLENGE;
  const char *authorisation = (const char *) response;
  const char *user_nul = NULL, *first_nul = response != NULL ? memchr (response, '\0', len) : NULL;
  if (first_nul != NULL)
    user_nul = memchr (first_nul + 1, '\0', len - (gsize) (first_nul + 1 - authorisation));
  if (user_nul == NULL)
    return SATCHEL_SASL_MALFORMED;
  const char *user = first_nul + 1, *password = user_nul + 1;
  gsize authorisation_len = (gsize) (first_nul - authorisation), user_len = (gsize) (user_nul - user);
  gsize password_len = len - (gsize) (password - authorisation);
  /* The log shows the user name of a malformed message if the name itself is valid. */
  if (user_len > 0 && user_len <= SATCHEL_SASL_USER_MAX && g_utf8_validate_len (user, user_len, NULL))
    turn->name = g_strndup (user, user_len);
  if (turn->name == NULL || authorisation_len > SATCHEL_SASL_USER_MAX || password_len == 0
      || password_len > SATCHEL_SASL_SECRET_MAX)
    return SATCHEL_SASL_MALFORMED;
  /* Refuses a third NUL as well. */
  if (!g_utf8_validate_len (authorisation, authorisation_len, NULL)
      || !g_utf8_validate_len (password, password_len, NULL))
    return SATCHEL_SASL_MALFORMED;
  turn->user = g_steal_pointer (&turn->name);
  turn->authorisation = authorisation_len > 0 ? g_strndup (authorisation, authorisation_len) : NULL;
  turn->secret = g_strndup (password, password_len);
  return SATCHEL_SASL_PASSWORD;
}

static SatchelSaslResult
prompt (SatchelSaslTurn *turn, const char *text)
{
  turn->challenge = g_bytes_new_static (text, strlen (text));
  return SATCHEL_SASL_CHALLENGE;
}

/* LOGIN sends two prompts; the user name may come as initial response.  The prompts are those that widely
 * deployed clients look at (2.2 of the draft).  Names may be longer than the draft's 64 characters, since
 * ours are addresses. */
static SatchelSaslResult
step_login (gpointer exchange, const guint8 *response, gsize len, SatchelSaslTurn *turn)
{
  Steps *steps = exchange;
  if (response == NULL)
    return steps->n++ == 0 ? prompt (turn, "Username:") : SATCHEL_SASL_MALFORMED;
  if (steps->user == NULL)
    {
      if (len == 0 || len > SATCHEL_SASL_USER_MAX
          || !g_utf8_validate_len ((const char *) response, len, NULL))
        return SATCHEL_SASL_MALFORMED;
      steps->user = g_strndup ((const char *) response, len);
      return prompt (turn, "Password:");
    }
  turn->name = g_strdup (steps->user);
  /* A password is any bytes but NUL, CR and LF (2 of the draft). */
  if (len == 0 || len > SATCHEL_SASL_SECRET_MAX || memchr (response, '\0', len) != NULL
      || memchr (response, '\r', len) != NULL || memchr (response, '\n', len) != NULL)
    return SATCHEL_SASL_MALFORMED;
  turn->user = g_steal_pointer (&turn->name);
  turn->secret = g_strndup ((const char *) response, len);
  return SATCHEL_SASL_PASSWORD;
}

const SatchelSaslOps satchel_sasl_plain = { .size = sizeof satchel_sasl_plain,
                                            .name = "PLAIN",
                                            .flags = SATCHEL_SASL_SENDS_PASSWORD,
                                            .band = 900,
                                            .exchange_new = steps_new,
                                            .step = step_plain,
                                            .exchange_free = steps_free };
const SatchelSaslOps satchel_sasl_login = { .size = sizeof satchel_sasl_login,
                                            .name = "LOGIN",
                                            .flags = SATCHEL_SASL_SENDS_PASSWORD,
                                            .band = 910,
                                            .exchange_new = steps_new,
                                            .step = step_login,
                                            .exchange_free = steps_free };

static void
turn_clear (SatchelSaslTurn *turn)
{
  g_clear_pointer (&turn->challenge, g_bytes_unref);
  g_clear_pointer (&turn->user, g_free);
  g_clear_pointer (&turn->authorisation, g_free);
  g_clear_pointer (&turn->secret, satchel_auth_wipe);
  g_clear_pointer (&turn->key, g_bytes_unref);
  g_clear_pointer (&turn->name, g_free);
  g_clear_pointer (&turn->request, g_bytes_unref);
  g_clear_pointer (&turn->why, g_free);
  g_clear_pointer (&turn->credential, g_free);
  turn->helper = NULL;
  turn->is_refuted = turn->is_whole = FALSE;
  turn->size = sizeof *turn;
}

SatchelSasl *
satchel_sasl_new (const SatchelSaslOps *ops, const SatchelLogin *login)
{
  SatchelSasl *sasl = g_new0 (SatchelSasl, 1);
  sasl->ops = ops;
  sasl->exchange = ops->exchange_new (login);
  return sasl;
}

void
satchel_sasl_free (SatchelSasl *sasl)
{
  if (sasl == NULL)
    return;
  sasl->ops->exchange_free (sasl->exchange);
  turn_clear (&sasl->turn);
  g_free (sasl);
}

static gboolean
is_complete (const SatchelSasl *sasl, SatchelSaslResult result)
{
  const SatchelSaslTurn *turn = &sasl->turn;
  if (result == SATCHEL_SASL_LOOK_UP)
    return turn->user != NULL && strlen (turn->user) <= SATCHEL_SASL_USER_MAX
           && SATCHEL_HAS (sasl->ops, found);
  if (result == SATCHEL_SASL_ASK)
    return turn->helper != NULL && turn->request != NULL && SATCHEL_HAS (sasl->ops, answered);
  if (result == SATCHEL_SASL_RIGHT)
    return turn->credential == NULL || satchel_credential_id_check (turn->credential);
  return result != SATCHEL_SASL_PASSWORD
         || (turn->user != NULL && turn->secret != NULL && strlen (turn->secret) <= SATCHEL_SASL_SECRET_MAX);
}

static SatchelSaslResult
take_result (SatchelSasl *sasl, SatchelSaslResult result)
{
  if (!is_complete (sasl, result))
    result = SATCHEL_SASL_MALFORMED;
  sasl->is_over =
      result != SATCHEL_SASL_CHALLENGE && result != SATCHEL_SASL_LOOK_UP && result != SATCHEL_SASL_ASK;
  return result;
}

SatchelSaslResult
satchel_sasl_step (SatchelSasl *sasl, const guint8 *response, gsize len)
{
  turn_clear (&sasl->turn);
  if (sasl->is_over || sasl->n_steps++ >= SATCHEL_SASL_STEPS_MAX)
    return SATCHEL_SASL_MALFORMED;
  return take_result (sasl, sasl->ops->step (sasl->exchange, response, len, &sasl->turn));
}

SatchelSaslResult
satchel_sasl_found (SatchelSasl *sasl, const char *user, const SatchelCredential *credential)
{
  turn_clear (&sasl->turn);
  SatchelSaslResult result = sasl->ops->found (sasl->exchange, user, credential, &sasl->turn);
  return take_result (sasl, result == SATCHEL_SASL_LOOK_UP ? SATCHEL_SASL_MALFORMED : result);
}

static void
helper_replied (GBytes *reply, const GError *error, gpointer data)
{
  SatchelSasl *sasl = data;
  turn_clear (&sasl->turn);
  SatchelSaslResult result = sasl->ops->answered (sasl->exchange, reply, error, &sasl->turn);
  if (result == SATCHEL_SASL_LOOK_UP || result == SATCHEL_SASL_ASK)
    result = SATCHEL_SASL_MALFORMED;
  sasl->asked (take_result (sasl, result), sasl->asked_data);
}

void
satchel_sasl_ask (SatchelSasl *sasl, gint64 left_ms, SatchelSaslAskedFunc func, gpointer data)
{
  sasl->asked = func;
  sasl->asked_data = data;
  satchel_helper_call (sasl->turn.helper, sasl->turn.request, -1,
                       CLAMP (left_ms, 1, SATCHEL_HELPER_TIMEOUT_MAX_MS), helper_replied, sasl);
}
