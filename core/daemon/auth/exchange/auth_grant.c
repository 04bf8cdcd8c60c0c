/* SPDX-License-Identifier: MIT
 * This file makes grants.  A grant lets one connection become a session of one user, once.  The mail
 * process hears of it from auth, so a gate cannot make one up.
 */
#include "config.h"

#include "core/daemon/auth/auth.h"
#include "core/session/network.h"

#include <gnutls/crypto.h>

#define GRANT_MS 30000

/* Returns the next mail process that is linked, searching from @first on and then from the start. */
static SatchelPeer *
next_mail (SatchelRoleContext *context, guint first)
{
  for (guint i = 0; i < context->n_mail_slots; i++)
    {
      SatchelPeer *peer = satchel_role_peer (context, SATCHEL_ROLE_MAIL, (first + i) % context->n_mail_slots);
      if (peer != NULL && peer->link != NULL)
        return peer;
    }
  return NULL;
}

static gboolean
send_grant (SatchelPeer *mail, const SatchelGrantRequest *request, const SatchelPlace *place,
            const guint8 grant[SATCHEL_GRANT_BYTES])
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_GRANT, request->session_id);
  satchel_ipc_put_bytes (message, grant, SATCHEL_GRANT_BYTES);
  satchel_ipc_put_u32 (message, request->gate_slot);
  satchel_ipc_put_string (message, request->service);
  satchel_ipc_put_string (message, request->user);
  satchel_place_put (message, place);
  gsize len = 0;
  const void *key = request->unlocked != NULL ? g_bytes_get_data (request->unlocked, &len) : NULL;
  satchel_ipc_put_bytes (message, key, len);
  satchel_ipc_put_u64 (message, (guint64) (g_get_monotonic_time () / 1000 + GRANT_MS));
  satchel_ipc_put_string (message, request->credential);
  satchel_ipc_put_string (message, request->scopes);
  satchel_ipc_put_string (message, request->notice);
  const void *copy = request->copy != NULL ? g_bytes_get_data (request->copy, &len) : NULL;
  satchel_ipc_put_bytes (message, copy, copy != NULL ? len : 0);
  return satchel_peer_send (mail, message);
}

static guint
n_connections (SatchelAuth *auth, const char *user)
{
  return GPOINTER_TO_UINT (g_hash_table_lookup (auth->n_connections, user));
}

static void
set_connections (SatchelAuth *auth, const char *user, guint n)
{
  if (n > 0)
    g_hash_table_replace (auth->n_connections, g_strdup (user), GUINT_TO_POINTER (n));
  else
    g_hash_table_remove (auth->n_connections, user);
}

/* Returns the mail process that has @user, and where there his mail is; durable before anybody hears of it.
 */
static SatchelPeer *
find_owner (SatchelAuth *auth, const char *user, const char *attributes, SatchelPlace **ret_place)
{
  SatchelPlacement placement;
  guint slot;
  g_autoptr (GError) error = NULL;
  if (!satchel_placements_find (auth->placements, user, &placement, &slot, &error)
      || !satchel_placements_sync (auth->placements, &error))
    {
      satchel_auth_log_misplaced (error);
      return NULL;
    }
  *ret_place = satchel_placements_place (auth->placements, user, &placement, attributes);
  return satchel_role_peer (auth->context, SATCHEL_ROLE_MAIL, slot);
}

SatchelAuthStatus
satchel_auth_grant (SatchelAuth *auth, const SatchelGrantRequest *request,
                    guint8 ret_grant[SATCHEL_GRANT_BYTES], guint *ret_mail_slot)
{
  SatchelPeer *mail = NULL;
  const char *user = request->user;
  g_autoptr (SatchelPlace) place = NULL;
  if (user == NULL)
    mail = next_mail (auth->context, auth->next_service_slot++);
  else if (n_connections (auth, user) >= auth->settings.max_connections)
    return SATCHEL_AUTH_LIMITED;
  else
    mail = find_owner (auth, user, request->attributes, &place);
  if (!satchel_peer_keeps_up (mail) || gnutls_rnd (GNUTLS_RND_KEY, ret_grant, SATCHEL_GRANT_BYTES) < 0
      || !send_grant (mail, request, place, ret_grant))
    return SATCHEL_AUTH_UNAVAILABLE;
  if (user != NULL)
    set_connections (auth, user, n_connections (auth, user) + 1);
  *ret_mail_slot = mail->slot;
  return SATCHEL_AUTH_OK;
}

void
satchel_auth_end_sessions (SatchelAuth *auth, const char *user, const char *credential)
{
  for (guint slot = 0; slot < auth->context->n_mail_slots; slot++)
    {
      SatchelPeer *mail = satchel_role_peer (auth->context, SATCHEL_ROLE_MAIL, slot);
      if (mail == NULL || mail->link == NULL)
        continue;
      SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_END_SESSIONS, 0);
      satchel_ipc_put_string (message, user);
      satchel_ipc_put_string (message, credential);
      satchel_peer_send (mail, message);
    }
}

void
satchel_auth_grant_end (SatchelAuth *auth, const char *user)
{
  guint n = n_connections (auth, user);
  if (n > 0)
    set_connections (auth, user, n - 1);
}

gboolean
satchel_auth_may_use_service (SatchelAuth *auth, const char *service, const char *peer)
{
  const SatchelConfig *listen = satchel_config_set_group (auth->context->config, "listen");
  SatchelAddress address;
  gboolean has_networks = FALSE;
  if (!satchel_address_parse (peer, &address))
    return FALSE;
  if (address.is_local) /* a unix socket is guarded by its file rights */
    return TRUE;
  for (guint i = 0; i < satchel_config_n_groups (listen, "listeners"); i++)
    {
      const SatchelConfig *listener = satchel_config_group (listen, "listeners", i);
      const char *const *networks = satchel_config_strings (listener, "networks");
      if (g_strcmp0 (satchel_config_string (listener, "protocol"), service) != 0 || networks == NULL
          || networks[0] == NULL)
        continue;
      has_networks = TRUE;
      if (satchel_networks_contain (networks, &address))
        return TRUE;
    }
  return !has_networks && satchel_address_is_loopback (&address);
}
