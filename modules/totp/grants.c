/* SPDX-License-Identifier: MIT
 * This file shows grants to administrators (`satchel totp grants`, `revoke`, lists of devices), and ends
 * the sessions of a grant that ends.  It runs in jobs of the auth process.
 */
#include "admin.h"

#include <string.h>

GPtrArray *
totp_grant_names (const TotpUser *user, guint64 id)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < user->grants->len; i++)
    {
      const TotpGrant *grant = user->grants->pdata[i];
      if (id == 0 || grant->id == id)
        g_ptr_array_add (names, totp_grant_name (grant));
    }
  return names;
}

void
totp_end_sessions (const char *user, const GPtrArray *names)
{
  for (guint i = 0; i < names->len; i++)
    satchel_auth_end_credential (user, names->pdata[i]);
}

/* ---- commands ---- */

static TotpGrant *
copy_grant (const TotpGrant *grant)
{
  TotpGrant *copy = g_memdup2 (grant, sizeof *grant);
  copy->network = g_strdup (grant->network);
  copy->service = g_strdup (grant->service);
  copy->peer = g_strdup (grant->peer);
  copy->client = g_strdup (grant->client);
  return copy;
}

static gboolean
copy_grants (const char *name, GPtrArray *copies, GError **error)
{
  TotpUser *user = totp_state_find (totp.state, name);
  if (user == NULL)
    return totp_fail_not_enrolled (name, error);
  totp_state_expire (totp.state, user, totp_settings_grant_times (totp.settings), totp_now_s ());
  for (guint i = 0; i < user->grants->len; i++)
    g_ptr_array_add (copies, copy_grant (user->grants->pdata[i]));
  return TRUE;
}

gboolean
totp_run_grants (SatchelAdminCall *call, GError **error)
{
  g_autoptr (GPtrArray) copies = g_ptr_array_new_with_free_func ((GDestroyNotify) totp_grant_free);
  if (!totp_lock_state (error))
    return FALSE;
  gboolean ok = copy_grants (totp_admin_user (call), copies, error);
  g_mutex_unlock (&totp.lock);
  for (guint i = 0; ok && i < copies->len; i++)
    {
      const TotpGrant *grant = copies->pdata[i];
      g_autofree char *id = totp_grant_name (grant);
      satchel_admin_record (
          call, SATCHEL_ADMIN_TEXT ("id", id), SATCHEL_ADMIN_TEXT ("network", grant->network),
          SATCHEL_ADMIN_TEXT ("address", grant->peer), SATCHEL_ADMIN_TEXT ("service", grant->service),
          SATCHEL_ADMIN_TEXT ("client", grant->client), SATCHEL_ADMIN_NUMBER ("since", grant->created_s),
          SATCHEL_ADMIN_NUMBER ("used", grant->used_s));
    }
  return ok;
}

static gboolean
end_grants (const char *name, guint64 id, GPtrArray **ret_names, GError **error)
{
  TotpUser *user = totp_state_find (totp.state, name);
  if (user == NULL)
    return totp_fail_not_enrolled (name, error);
  *ret_names = totp_grant_names (user, id);
  if (id != 0 && (*ret_names)->len == 0)
    return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT,
                              "%s has no such grant; `satchel totp grants %s` shows all", name, name);
  for (guint i = user->grants->len; i-- > 0;)
    {
      TotpGrant *grant = user->grants->pdata[i];
      if (id == 0 || grant->id == id)
        totp_state_end_grant (totp.state, user, grant);
    }
  return totp_state_commit (totp.state, error);
}

gboolean
totp_run_revoke (SatchelAdminCall *call, GError **error)
{
  const char *text = satchel_config_string (satchel_admin_options (call), "grant");
  g_autoptr (GPtrArray) names = NULL;
  guint64 id = 0;
  if (text != NULL
      && !g_ascii_string_to_unsigned (g_str_has_prefix (text, "grant:") ? text + strlen ("grant:") : text, 10,
                                      1, G_MAXUINT64, &id, NULL))
    return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                              "\"%s\" is not the id of a grant, such as grant:17", text);
  if (!totp_lock_state (error))
    return FALSE;
  gboolean ok = end_grants (totp_admin_user (call), id, &names, error);
  g_mutex_unlock (&totp.lock);
  if (!ok)
    return FALSE;
  totp_end_sessions (totp_admin_user (call), names);
  satchel_admin_print (call, "%u grants of %s have ended, and their sessions.", names->len,
                       totp_admin_user (call));
  return TRUE;
}

/* ---- lists of devices ---- */

gboolean
totp_list_credentials (const char *name, SatchelCredentialEntryFunc func, gpointer data, GError **error)
{
  if (!totp_lock_state (error))
    return FALSE;
  TotpUser *user = totp_state_find (totp.state, name);
  if (user != NULL)
    totp_state_expire (totp.state, user, totp_settings_grant_times (totp.settings), totp_now_s ());
  for (guint i = 0; user != NULL && i < user->grants->len; i++)
    {
      const TotpGrant *grant = user->grants->pdata[i];
      g_autofree char *id = totp_grant_name (grant);
      func (&(SatchelCredentialEntry) { .size = sizeof (SatchelCredentialEntry),
                                        .id = id,
                                        .label = "",
                                        .network = grant->network,
                                        .service = grant->service,
                                        .peer = grant->peer,
                                        .client = grant->client,
                                        .created_s = grant->created_s,
                                        .used_s = grant->used_s },
            data);
    }
  g_mutex_unlock (&totp.lock);
  return TRUE;
}

/* Returns the id of the grant that a credential is; 0 means that it is none. */
static guint64
read_grant_id (const char *credential)
{
  guint64 id = 0;
  if (g_str_has_prefix (credential, "grant:"))
    g_ascii_string_to_unsigned (credential + strlen ("grant:"), 10, 1, G_MAXUINT64, &id, NULL);
  return id;
}

gboolean
totp_end_credential (const char *name, const char *credential, GError **error)
{
  g_autoptr (GPtrArray) names = NULL;
  guint64 id = read_grant_id (credential);
  if (id == 0)
    return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "%s is not the id of a grant", credential);
  if (!totp_lock_state (error))
    return FALSE;
  gboolean ok = end_grants (name, id, &names, error);
  g_mutex_unlock (&totp.lock);
  if (ok)
    totp_end_sessions (name, names);
  return ok;
}

void
totp_client_named (const char *name, const char *credential, const char *client)
{
  guint64 id = read_grant_id (credential);
  if (id == 0 || !totp_lock_state (NULL))
    return;
  TotpUser *user = totp_state_find (totp.state, name);
  for (guint i = 0; user != NULL && i < user->grants->len; i++)
    {
      TotpGrant *grant = user->grants->pdata[i];
      if (grant->id != id)
        continue;
      g_free (grant->client);
      grant->client = g_utf8_make_valid (client, (gssize) strnlen (client, TOTP_CLIENT_BYTES));
    }
  g_mutex_unlock (&totp.lock);
}
