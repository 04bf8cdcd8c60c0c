/* SPDX-License-Identifier: MIT
 * A check that has found who somebody is: a lock or a removal meanwhile still counts, the credential must be
 * good for the service, and keyrings are opened with what the login brought.
 */
#include "config.h"

#include "core/daemon/auth/auth_check.h"

#include <string.h>

static void unlock_next (SatchelAuthCheck *check);

static void
unlock_done (SatchelCallAnswer *answer, gpointer data)
{
  SatchelAuthCheck *check = data;
  if (answer->error != NULL)
    {
      satchel_check_trouble (check, answer->error);
      return;
    }
  check->unlocked = g_steal_pointer (&answer->key);
  check->index++;
  unlock_next (check);
}

/* @variant: room for the name of the mechanism; SCRAM-SHA-256-PLUS yields what SCRAM-SHA-256 does. */
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
  const char *secret = check->source == SATCHEL_KEY_SECRET ? check->password : check->secret;
  if (check->source == SATCHEL_KEY_SECRET)
    material.slot = SATCHEL_CREDENTIAL_PASSWORD;
  material.data = (const guint8 *) secret;
  material.len = strlen (secret);
  return material;
}

static void
unlock_next (SatchelAuthCheck *check)
{
  GPtrArray *keyrings = check->auth->keyrings;
  if (check->unlocked != NULL || check->source == 0 || check->index >= keyrings->len)
    {
      if (check->remember != NULL)
        check->remember (check);
      satchel_check_finish (check, SATCHEL_LOGIN_RIGHT);
      return;
    }
  const SatchelKeyringOps *ops = keyrings->pdata[check->index];
  char variant[SATCHEL_SASL_NAME_MAX + 1];
  SatchelKeyMaterial material = find_material (check, variant);
  SatchelQuestion question = satchel_check_question (check, SATCHEL_CALL_UNLOCK, ops, ops->unlock,
                                                     SATCHEL_HAS (ops, cancelled) ? ops->cancelled : NULL);
  question.material = &material;
  satchel_call_ask (&question, unlock_done, check);
}

static gboolean
is_in_scope (const SatchelAuthCheck *check)
{
  g_auto (GStrv) services = g_strsplit (check->scopes != NULL ? check->scopes : "", " ", -1);
  return check->scopes == NULL || g_strv_contains ((const char *const *) services, check->login->service);
}

/* A lock or a removal while it was checked counts: the login would otherwise outlive it. */
static void
looked_up_again (SatchelCallAnswer *answer, gpointer data)
{
  SatchelAuthCheck *check = data;
  if (answer->error != NULL)
    satchel_check_trouble (check, answer->error);
  else if (!answer->is_found)
    satchel_check_finish (check, SATCHEL_LOGIN_UNKNOWN_USER);
  else if (answer->credential.is_locked || check->credential.is_locked)
    satchel_check_finish (check, SATCHEL_LOGIN_LOCKED);
  else if (!is_in_scope (check))
    satchel_check_finish (check, SATCHEL_LOGIN_OUT_OF_SCOPE);
  else
    {
      check->index = 0;
      unlock_next (check);
    }
}

void
satchel_check_accept (SatchelAuthCheck *check)
{
  SatchelQuestion question =
      satchel_check_question (check, SATCHEL_CALL_LOOK_UP, check->passdb, check->passdb->look_up,
                              SATCHEL_HAS (check->passdb, cancelled) ? check->passdb->cancelled : NULL);
  satchel_call_ask (&question, looked_up_again, check);
}
