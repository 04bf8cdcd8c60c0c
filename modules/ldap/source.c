/* SPDX-License-Identifier: MIT
 * Users for auth, by questions to the helper.
 */
#include "source.h"

#include "helper.h"

#include <string.h>

static void
fail (SatchelAuthCall *call)
{
  g_autoptr (GError) error = NULL;
  satchel_error_set (&error, SATCHEL_ERROR_CORRUPT, "the helper's answer is none");
  satchel_auth_call_fail (call, error);
}

static void
ask (SatchelAuthCall *call, const char *what, const char *secret, SatchelAuthReplyFunc func)
{
  const char *const texts[] = { what, satchel_auth_call_user (call), secret, NULL };
  g_autoptr (GBytes) request = satchel_helper_pack (texts);
  satchel_auth_call_ask_helper (call, LDAP_NAME, request, func);
}

static void
take_credential (SatchelAuthCall *call, GBytes *reply)
{
  g_autofree const char **texts = satchel_helper_unpack (reply, LDAP_TEXTS_MAX);
  if (texts == NULL)
    fail (call);
  else if (texts[0] == NULL)
    satchel_auth_call_found (call, NULL);
  else
    {
      /* Without a sign of changes no login is remembered. */
      const SatchelCredential credential = { .size = sizeof credential,
                                             .user = (char *) satchel_auth_call_user (call),
                                             .verifier = *texts[0] != '\0' ? (char *) texts[0] : NULL,
                                             .attributes = (char **) texts + 1 };
      satchel_auth_call_found (call, &credential);
    }
}

static void
look_up (SatchelAuthCall *call)
{
  ask (call, LDAP_ASK_USER, NULL, take_credential);
}

static void
take_verdict (SatchelAuthCall *call, GBytes *reply)
{
  g_autofree const char **texts = satchel_helper_unpack (reply, 1);
  if (texts == NULL || texts[0] == NULL)
    fail (call);
  else if (strcmp (texts[0], LDAP_SAY_RIGHT) == 0)
    satchel_auth_call_verified (call, SATCHEL_VERIFY_RIGHT, NULL);
  else
    satchel_auth_call_verified (call, SATCHEL_VERIFY_WRONG, NULL);
}

static void
verify (SatchelAuthCall *call)
{
  ask (call, LDAP_ASK_VERIFY, satchel_auth_call_secret (call), take_verdict);
}

static void
take_users (SatchelAuthCall *call, GBytes *reply)
{
  g_autofree const char **texts = satchel_helper_unpack (reply, LDAP_TEXTS_MAX);
  if (texts == NULL)
    fail (call);
  else
    satchel_auth_call_resolved (call, texts[0] != NULL ? texts : NULL);
}

static void
resolve (SatchelAuthCall *call)
{
  ask (call, LDAP_ASK_ADDRESS, NULL, take_users);
}

static void
take_attributes (SatchelAuthCall *call, GBytes *reply)
{
  g_autofree const char **texts = satchel_helper_unpack (reply, LDAP_TEXTS_MAX);
  if (texts == NULL)
    fail (call);
  else
    satchel_auth_call_attributes (call, texts[0] != NULL ? texts + 1 : NULL);
}

static void
tell_attributes (SatchelAuthCall *call)
{
  ask (call, LDAP_ASK_USER, NULL, take_attributes);
}

const SatchelUserdbOps ldap_userdb = {
  .size = sizeof ldap_userdb, .band = 540, .look_up = resolve, .attributes = tell_attributes
};
const SatchelPassdbOps ldap_passdb = { .size = sizeof ldap_passdb,
                                       .band = 540,
                                       .look_up = look_up,
                                       .verify = verify,
                                       .userdb = &ldap_userdb,
                                       .flags = SATCHEL_PASSDB_VERIFIES_AT_SOURCE };
