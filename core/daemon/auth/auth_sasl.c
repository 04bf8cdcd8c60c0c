/* SPDX-License-Identifier: MIT
 * PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login-00).
 */
#include "config.h"

#include "core/daemon/auth/auth_sasl.h"

#include <string.h>

/* RFC 4616 2: authzid and authcid of up to 255 octets, passwords of up to 1,024. */
enum
{
  NAME_MAX_BYTES = 255,
  PASSWORD_MAX_BYTES = 1024
};

void
satchel_auth_wipe (char *secret)
{
  if (secret != NULL)
    explicit_bzero (secret, strlen (secret));
  g_free (secret);
}

/* message = [authzid] UTF8NUL authcid UTF8NUL passwd, all UTF-8, the last two not empty (RFC 4616 2). */
static SatchelSaslResult
step_plain (SatchelSasl *sasl, const guint8 *response, gsize len, const char **ret_challenge)
{
  if (response == NULL && sasl->n_steps == 0)
    {
      *ret_challenge = "";
      return SATCHEL_SASL_CHALLENGE;
    }
  const char *authorisation = (const char *) response;
  const char *user_nul = NULL, *first_nul = response != NULL ? memchr (response, '\0', len) : NULL;
  if (first_nul != NULL)
    user_nul = memchr (first_nul + 1, '\0', len - (gsize) (first_nul + 1 - authorisation));
  if (user_nul == NULL)
    return SATCHEL_SASL_MALFORMED;
  const char *user = first_nul + 1, *password = user_nul + 1;
  gsize authorisation_len = (gsize) (first_nul - authorisation), user_len = (gsize) (user_nul - user);
  gsize password_len = len - (gsize) (password - authorisation);
  /* The log names the user, if nothing else is wrong with the name. */
  if (user_len > 0 && user_len <= NAME_MAX_BYTES && g_utf8_validate_len (user, user_len, NULL))
    sasl->user = g_strndup (user, user_len);
  if (sasl->user == NULL || authorisation_len > NAME_MAX_BYTES || password_len == 0
      || password_len > PASSWORD_MAX_BYTES)
    return SATCHEL_SASL_MALFORMED;
  /* Refuses a third NUL as well. */
  if (!g_utf8_validate_len (authorisation, authorisation_len, NULL)
      || !g_utf8_validate_len (password, password_len, NULL))
    return SATCHEL_SASL_MALFORMED;
  sasl->authorisation = authorisation_len > 0 ? g_strndup (authorisation, authorisation_len) : NULL;
  sasl->password = g_strndup (password, password_len);
  return SATCHEL_SASL_COMPLETE;
}

/* Two prompts; the user name may come as initial response.  The prompts are those that widely deployed
 * clients look at (2.2).  Longer names than the draft's 64 characters are taken: ours are addresses. */
static SatchelSaslResult
step_login (SatchelSasl *sasl, const guint8 *response, gsize len, const char **ret_challenge)
{
  if (response == NULL)
    {
      *ret_challenge = "Username:";
      return sasl->n_steps == 0 ? SATCHEL_SASL_CHALLENGE : SATCHEL_SASL_MALFORMED;
    }
  if (sasl->user == NULL)
    {
      if (len == 0 || len > NAME_MAX_BYTES || !g_utf8_validate_len ((const char *) response, len, NULL))
        return SATCHEL_SASL_MALFORMED;
      sasl->user = g_strndup ((const char *) response, len);
      *ret_challenge = "Password:";
      return SATCHEL_SASL_CHALLENGE;
    }
  /* 2: arbitrary bytes but NUL, CR and LF. */
  if (len == 0 || len > PASSWORD_MAX_BYTES || memchr (response, '\0', len) != NULL
      || memchr (response, '\r', len) != NULL || memchr (response, '\n', len) != NULL)
    return SATCHEL_SASL_MALFORMED;
  sasl->password = g_strndup ((const char *) response, len);
  return SATCHEL_SASL_COMPLETE;
}

static SatchelSaslResult
step_over (SatchelSasl *sasl, const guint8 *response, gsize len, const char **ret_challenge)
{
  return SATCHEL_SASL_MALFORMED;
}

static const SatchelSaslMechanism mechanisms[] = {
  { "PLAIN", TRUE, step_plain },
  { "LOGIN", TRUE, step_login },
};
static const SatchelSaslMechanism over = { "", TRUE, step_over };

const SatchelSaslMechanism *
satchel_sasl_find (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (mechanisms); i++)
    if (g_ascii_strcasecmp (name, mechanisms[i].name) == 0)
      return &mechanisms[i];
  return NULL;
}

SatchelSasl *
satchel_sasl_new (const SatchelSaslMechanism *mechanism)
{
  SatchelSasl *sasl = g_new0 (SatchelSasl, 1);
  sasl->mechanism = mechanism;
  return sasl;
}

void
satchel_sasl_free (SatchelSasl *sasl)
{
  if (sasl == NULL)
    return;
  g_free (sasl->user);
  g_free (sasl->authorisation);
  satchel_auth_wipe (sasl->password);
  g_free (sasl);
}

SatchelSaslResult
satchel_sasl_step (SatchelSasl *sasl, const guint8 *response, gsize len, const char **ret_challenge)
{
  SatchelSaslResult result = sasl->mechanism->step (sasl, response, len, ret_challenge);
  sasl->n_steps++;
  if (result != SATCHEL_SASL_CHALLENGE)
    sasl->mechanism = &over;
  return result;
}
