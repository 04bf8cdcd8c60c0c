/* SPDX-License-Identifier: MIT
 * Keeps what the other files of the module share: the state behind its lock, and how an app password is
 * revoked.
 */
#include "app_passwords.h"

#include <satchel/log.h>

#define RETRY_MS 5000

AppModule app_module;

gint64
app_now_s (void)
{
  return g_get_real_time () / G_USEC_PER_SEC;
}

/* ---- the state ---- */

gboolean
app_open_state (GError **error)
{
  g_autoptr (GError) own = NULL;
  app_module.opened_at_ms = g_get_monotonic_time () / 1000;
  app_module.state = app_state_new (app_module.path, &own);
  if (app_module.state != NULL)
    return TRUE;
  satchel_log (SATCHEL_LOG_ERROR, APP_AREA, "no app password works: %s", own->message);
  g_free (app_module.trouble);
  app_module.trouble = g_strdup (own->message);
  g_propagate_error (error, g_steal_pointer (&own));
  return FALSE;
}

gboolean
app_lock (GError **error)
{
  g_mutex_lock (&app_module.lock);
  if (app_module.state != NULL)
    return TRUE;
  gboolean ok = g_get_monotonic_time () / 1000 - app_module.opened_at_ms >= RETRY_MS
                    ? app_open_state (error)
                    : satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "%s", app_module.trouble);
  if (!ok)
    g_mutex_unlock (&app_module.lock);
  return ok;
}

void
app_unlock (void)
{
  g_mutex_unlock (&app_module.lock);
}

/* ---- revoking ---- */

/* Revokes them durably, and adds the names of those that it revoked to @names. */
static gboolean
revoke_all (const char *user, const char *what, GPtrArray *names, GError **error)
{
  const GPtrArray *passwords = app_state_passwords (app_module.state, user);
  g_autoptr (GPtrArray) chosen = g_ptr_array_new ();
  AppPassword *one = what != NULL ? app_state_find (app_module.state, user, what) : NULL;
  if (what != NULL && one == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT,
                              "%s has no such app password; `satchel app-password list %s` shows all", user,
                              user);
  for (guint i = 0; passwords != NULL && i < passwords->len; i++)
    if (one == NULL || passwords->pdata[i] == one)
      g_ptr_array_add (chosen, passwords->pdata[i]);
  for (guint i = 0; i < chosen->len; i++)
    {
      g_ptr_array_add (names, app_password_name (chosen->pdata[i]));
      app_state_remove (app_module.state, user, chosen->pdata[i]);
    }
  return app_state_commit (app_module.state, error);
}

gboolean
app_revoke (const char *user, const char *what, guint *ret_n, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  if (!app_lock (error))
    return FALSE;
  gboolean ok = revoke_all (user, what, names, error);
  app_unlock ();
  *ret_n = names->len;
  /* Sessions end even if the revocation is not durable, since the password opens nothing any more in this
   * process. */
  for (guint i = 0; i < names->len; i++)
    {
      satchel_log (SATCHEL_LOG_INFO, APP_AREA, "user=\"%s\" app password %s is revoked", user,
                   (const char *) names->pdata[i]);
      satchel_auth_end_credential (user, names->pdata[i]);
    }
  return ok;
}
