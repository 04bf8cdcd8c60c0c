/* SPDX-License-Identifier: MIT
 * Implements a check that has found who somebody is: a lock or a removal meanwhile still counts, the
 * credential must be good for the service, and keyrings are opened with what the login brought. What the
 * userdbs say of him is asked before, so that nothing slow comes after the look-up.
 */
#include "config.h"

#include "core/daemon/auth/check/auth_check.h"

#include <string.h>

static void unlock_next (SatchelAuthCheck *check);

static void
unlock_done (SatchelCallAnswer *answer, gpointer data)
{
  SatchelAuthCheck *check = data;
  gconstpointer source = check->auth->keyrings->pdata[check->index];
  if (answer->error != NULL)
    {
      satchel_check_note (check, "keyring", source, "cannot tell: %s", answer->error->message);
      satchel_check_trouble (check, answer->error);
      return;
    }
  if (answer->is_withheld)
    {
      satchel_check_note (check, "keyring", source, "refuses the login: %s", answer->notice);
      check->notice = g_steal_pointer (&answer->notice);
      satchel_check_finish (check, SATCHEL_LOGIN_NO_KEY);
      return;
    }
  satchel_check_note (check, "keyring", source,
                      answer->key != NULL ? "gives the key of the user's mail" : "has no key for this login");
  check->unlocked = g_steal_pointer (&answer->key);
  if (check->notice == NULL)
    check->notice = g_steal_pointer (&answer->notice);
  check->has_changed = check->has_changed || answer->has_changed;
  if (check->copy == NULL)
    check->copy = g_steal_pointer (&answer->copy);
  check->index++;
  unlock_next (check);
}

/* Finds what opens the user's keyrings.  @variant is room for the name of the mechanism: SCRAM-SHA-256-PLUS
 * yields what SCRAM-SHA-256 does. */
static SatchelKeyMaterial
find_material (SatchelAuthCheck *check, char variant[SATCHEL_SASL_NAME_MAX + 1])
{
  SatchelKeyMaterial material = { .size = sizeof material, .source = check->source, .variant = "" };
  material.slot = check->credential_id != NULL ? check->credential_id : SATCHEL_CREDENTIAL_PASSWORD;
  if (check->source == SATCHEL_KEY_CLIENT)
    {
      material.data = g_bytes_get_data (check->client_key, &material.len);
      g_strlcpy (variant, check->login->mechanism, SATCHEL_SASL_NAME_MAX + 1);
      if (g_str_has_suffix (variant, "-PLUS"))
        variant[strlen (variant) - strlen ("-PLUS")] = '\0';
      material.variant = variant;
      material.slot = SATCHEL_CREDENTIAL_PASSWORD;
      return material;
    }
  const char *secret = check->source == SATCHEL_KEY_SECRET ? check->password
                       : check->key_secret != NULL         ? check->key_secret
                                                           : check->secret;
  if (check->source == SATCHEL_KEY_SECRET)
    material.slot = SATCHEL_CREDENTIAL_PASSWORD;
  material.data = (const guint8 *) secret;
  material.len = strlen (secret);
  return material;
}

/* Passes over keyrings that are not asked of a login without a secret: none is where no session begins. */
static void
pass_over (SatchelAuthCheck *check)
{
  GPtrArray *keyrings = check->auth->keyrings;
  if (check->source == 0 && check->login->is_elsewhere)
    check->index = keyrings->len;
  while (check->source == 0 && check->index < keyrings->len
         && !SATCHEL_HAS ((const SatchelKeyringOps *) keyrings->pdata[check->index], unlock_proved))
    check->index++;
}

static void ask_attributes (SatchelAuthCheck *check, SatchelAttributesFunc func);

/* Takes the attributes once more, which a keyring has changed, and ends the check. */
static void
told_again (const char *attributes, const GError *error, gpointer data)
{
  SatchelAuthCheck *check = data;
  if (attributes == NULL)
    {
      satchel_check_trouble (check, error);
      return;
    }
  g_free (check->attributes);
  check->attributes = g_strdup (attributes);
  satchel_check_finish (check, SATCHEL_LOGIN_RIGHT);
}

static void
end_right (SatchelAuthCheck *check)
{
  if (check->remember != NULL && check->note == NULL)
    check->remember (check);
  if (check->has_changed)
    ask_attributes (check, told_again);
  else
    satchel_check_finish (check, SATCHEL_LOGIN_RIGHT);
}

static void
unlock_next (SatchelAuthCheck *check)
{
  GPtrArray *keyrings = check->auth->keyrings;
  pass_over (check);
  if (check->unlocked != NULL || check->index >= keyrings->len)
    {
      end_right (check);
      return;
    }
  const SatchelKeyringOps *ops = keyrings->pdata[check->index];
  char variant[SATCHEL_SASL_NAME_MAX + 1];
  gboolean has_secret = check->source != 0;
  SatchelKeyMaterial material = { 0 };
  if (has_secret)
    material = find_material (check, variant);
  SatchelQuestion question =
      satchel_check_question (check, SATCHEL_CALL_UNLOCK, ops, has_secret ? ops->unlock : ops->unlock_proved,
                              SATCHEL_HAS (ops, cancelled) ? ops->cancelled : NULL);
  question.material = has_secret ? &material : NULL;
  satchel_call_ask (&question, unlock_done, check);
}

static gboolean
is_in_scope (const SatchelAuthCheck *check)
{
  g_auto (GStrv) services = g_strsplit (check->scopes != NULL ? check->scopes : "", " ", -1);
  /* A test may name no service; then the scopes of the credential do not matter. */
  return check->scopes == NULL || *check->login->service == '\0'
         || g_strv_contains ((const char *const *) services, check->login->service);
}

static void
open_keyrings (SatchelAuthCheck *check)
{
  check->index = 0;
  unlock_next (check);
}

/* Fails the login if the account was locked or removed while it was checked, since its session would
 * otherwise outlive that. */
static void
looked_up_again (SatchelCallAnswer *answer, gpointer data)
{
  SatchelAuthCheck *check = data;
  satchel_check_note (check, "passdb", check->passdb, "is asked once more before the login succeeds");
  if (answer->error != NULL)
    satchel_check_trouble (check, answer->error);
  else if (!answer->is_found)
    satchel_check_finish (check, SATCHEL_LOGIN_UNKNOWN_USER);
  else if (answer->credential.is_locked)
    satchel_check_finish (check, SATCHEL_LOGIN_LOCKED);
  else
    open_keyrings (check);
}

/* Says whether what the passdb said of the user is still as good as what it would say now. */
static gboolean
is_current (const SatchelAuthCheck *check)
{
  const SatchelPassdbOps *ops = check->passdb;
  gboolean verifies_at_source = ops->size >= G_STRUCT_OFFSET (SatchelPassdbOps, flags) + sizeof ops->flags
                                && (ops->flags & SATCHEL_PASSDB_VERIFIES_AT_SOURCE) != 0;
  return (check->verdict != 0 && verifies_at_source) || check->found_turn == satchel_reactor_turn ();
}

static void
look_up_again (SatchelAuthCheck *check)
{
  if (check->credential.is_locked)
    satchel_check_finish (check, SATCHEL_LOGIN_LOCKED);
  else if (!is_in_scope (check))
    {
      satchel_check_note (check, "policy", NULL, "the credential is good for %s, not for %s", check->scopes,
                          check->login->service);
      satchel_check_finish (check, SATCHEL_LOGIN_OUT_OF_SCOPE);
    }
  else if (is_current (check))
    open_keyrings (check);
  else
    {
      const SatchelPassdbOps *ops = check->passdb;
      SatchelQuestion question =
          satchel_check_question (check, SATCHEL_CALL_LOOK_UP, ops, ops->look_up,
                                  SATCHEL_HAS (ops, cancelled) ? ops->cancelled : NULL);
      satchel_call_ask (&question, looked_up_again, check);
    }
}

static void
told_attributes (const char *attributes, const GError *error, gpointer data)
{
  SatchelAuthCheck *check = data;
  if (error != NULL)
    satchel_check_note (check, "userdb", NULL, "the attributes of the user are not known: %s",
                        error->message);
  check->attributes = g_strdup (attributes);
  if (attributes != NULL)
    look_up_again (check);
  else
    satchel_check_trouble (check, error);
}

static void
ask_attributes (SatchelAuthCheck *check, SatchelAttributesFunc func)
{
  const SatchelAttributesQuestion question = { .user = check->user,
                                               .login = check->login,
                                               .deadline_ms = check->asked_until_ms,
                                               .passdb = check->passdb,
                                               .credential = &check->credential };
  satchel_auth_ask_attributes (check->auth, &question, func, check);
}

void
satchel_check_accept (SatchelAuthCheck *check)
{
  ask_attributes (check, told_attributes);
}
