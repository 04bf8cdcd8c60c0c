/* SPDX-License-Identifier: MIT
 * Runs the role gate: it joins what role.c brings (messages, listeners, certificates) with
 * core/session/gate/gate.h.
 */
#include "config.h"

#include "core/base/fd.h"
#include "core/daemon/plan.h"
#include "core/daemon/role/role.h"
#include "core/runtime/loop/reactor_private.h"
#include "core/session/gate/gate.h"
#include "core/session/settings.h"
#include <satchel/log.h>
#include <sys/stat.h>
#include <unistd.h>

#define TLS_FILE_MAX (1024 * 1024)
#define DRAINED_POLL_MS 100

static SatchelRoleContext *context;
static SatchelTlsContext *prepared;
static SatchelTimer drained_timer;

static SatchelPeer *
auth_peer (void)
{
  return satchel_role_peer (context, SATCHEL_ROLE_AUTH, 0);
}

static gboolean
send_to (SatchelPeer *peer, SatchelIpcMessage *message)
{
  if (peer != NULL)
    return satchel_peer_send (peer, message);
  satchel_ipc_message_free (message);
  return FALSE;
}

static gboolean
send_to_auth (SatchelIpcMessage *message)
{
  return send_to (auth_peer (), message);
}

static gboolean
send_to_mail (guint slot, SatchelIpcMessage *message)
{
  return send_to (satchel_role_peer (context, SATCHEL_ROLE_MAIL, slot), message);
}

static gboolean
is_up (SatchelPeer *peer)
{
  return peer != NULL && peer->link != NULL;
}

static gboolean
is_auth_up (void)
{
  return is_up (auth_peer ());
}

static gboolean
is_mail_up (guint slot)
{
  return is_up (satchel_role_peer (context, SATCHEL_ROLE_MAIL, slot));
}

static const SatchelConfig *
config_group (const char *name)
{
  return satchel_config_set_group (context->config, name);
}

static GBytes *
read_file (int fd, const char *name, GError **error)
{
  GBytes *bytes = satchel_fd_read_bytes (fd, TLS_FILE_MAX, error);
  if (bytes == NULL)
    g_prefix_error (error, "%s: ", name);
  return bytes;
}

static void
clear_pair (gpointer data)
{
  SatchelTlsPair *pair = data;
  g_clear_pointer (&pair->chain, g_bytes_unref);
  g_clear_pointer (&pair->key, g_bytes_unref);
}

/* Makes TLS credentials of @files. *ret_context NULL: no certificate is configured. */
static gboolean
make_tls (GArray *files, const SatchelConfigSet *config, SatchelTlsContext **ret_context, GError **error)
{
  const SatchelConfig *tls = satchel_config_set_group (config, "tls");
  SatchelTlsSettings settings;
  satchel_tls_settings_read (tls, &settings);
  g_autoptr (GArray) pairs = g_array_new (FALSE, TRUE, sizeof (SatchelTlsPair));
  g_array_set_clear_func (pairs, clear_pair);
  *ret_context = NULL;
  for (guint i = 0; files != NULL && i < files->len; i++)
    {
      const SatchelTlsFile *file = &g_array_index (files, SatchelTlsFile, i);
      SatchelCertificateSettings names = settings.main;
      if (file->index > 0 && file->index <= satchel_config_n_groups (tls, "certificates"))
        satchel_certificate_settings_read (satchel_config_group (tls, "certificates", file->index - 1),
                                           &names);
      SatchelTlsPair pair = { .chain_name = names.cert, .key_name = names.key };
      g_array_append_val (pairs, pair);
      SatchelTlsPair *own = &g_array_index (pairs, SatchelTlsPair, pairs->len - 1);
      own->chain = read_file (file->chain_fd, own->chain_name, error);
      own->key = own->chain != NULL ? read_file (file->key_fd, own->key_name, error) : NULL;
      if (own->key == NULL)
        return FALSE;
    }
  if (pairs->len == 0)
    return TRUE;
  *ret_context = satchel_tls_context_new ((SatchelTlsPair *) (void *) pairs->data, pairs->len,
                                          settings.priority, context->ticket_key, error);
  return *ret_context != NULL;
}

static gboolean
reload_prepare (SatchelRoleContext *own, const SatchelConfigSet *config, GError **error)
{
  satchel_tls_context_unref (g_steal_pointer (&prepared));
  return make_tls (own->new_tls_files, config, &prepared, error);
}

static void
reload_commit (SatchelRoleContext *own)
{
  satchel_session_settings (own->config);
  satchel_gate_configure ();
  satchel_gate_set_tls (prepared);
  satchel_tls_context_unref (g_steal_pointer (&prepared));
}

static void
reload_abort (SatchelRoleContext *own)
{
  satchel_tls_context_unref (g_steal_pointer (&prepared));
}

static void
peer_up (SatchelRoleContext *own, SatchelPeer *peer)
{
  if (peer->role == SATCHEL_ROLE_AUTH)
    satchel_gate_auth_up ();
}

static void
peer_down (SatchelRoleContext *own, SatchelPeer *peer)
{
  if (peer->role == SATCHEL_ROLE_AUTH)
    satchel_gate_auth_lost ();
  else if (peer->role == SATCHEL_ROLE_MAIL)
    satchel_gate_mail_lost (peer->slot);
}

static gboolean
peer_message (SatchelRoleContext *own, SatchelPeer *peer, SatchelIpcMessage *message)
{
  if (peer->role == SATCHEL_ROLE_AUTH)
    return satchel_gate_auth_message (message);
  return peer->role == SATCHEL_ROLE_MAIL && satchel_gate_mail_message (peer->slot, message);
}

static void
look_if_drained (SatchelTimer *timer, gpointer data)
{
  if (satchel_gate_n_connections () == 0 && satchel_connections_count () == 0)
    satchel_role_stopped (context);
  else
    satchel_timer_arm (timer, DRAINED_POLL_MS, look_if_drained, NULL);
}

static void
stop_gate (SatchelRoleContext *own, guint grace_ms)
{
  satchel_gate_stop (grace_ms == SATCHEL_GRACE_DRAIN);
  satchel_timer_arm (&drained_timer, 0, look_if_drained, NULL);
}

static gboolean
answer_admin (SatchelRoleContext *own, guint64 request, const char *const *argv, int channel_fd)
{
  if (g_strcmp0 (argv[0], "status") != 0)
    return FALSE;
  g_autofree char *text = g_strdup_printf ("gate: slot=%u connections=%u relayed=%u\n", own->slot,
                                           satchel_gate_n_connections (), satchel_gate_n_relays ());
  satchel_role_admin_reply (own, request, TRUE, 0, text);
  return TRUE;
}

static void
add_listener (SatchelRoleContext *own, const SatchelListener *listener)
{
  const SatchelProvided *protocol =
      satchel_loader_find (context->loader, SATCHEL_KIND_PROTOCOL_GATE, listener->protocol);
  const SatchelProvided *service =
      satchel_loader_find (context->loader, SATCHEL_KIND_SERVICE, listener->protocol);
  const SatchelProvided *provided = protocol != NULL ? protocol : service;
  if (provided == NULL)
    {
      satchel_log (SATCHEL_LOG_ERROR, "gate", "listener %s: no loaded module serves the protocol \"%s\"",
                   listener->name, listener->protocol);
      return;
    }
  SatchelListenerSettings settings = { 0 };
  satchel_role_find_listener (context, listener->name, &settings); /* a default listener has no settings */
  SatchelGateListenerOptions options = {
    .name = listener->name,
    .protocol = protocol != NULL ? protocol->ops : NULL,
    .service = protocol == NULL ? service->ops : NULL,
    .group = provided->module->name,
    .implicit_tls = listener->implicit_tls,
    .allow_cleartext = listener->allow_cleartext,
    .trusted_proxies = settings.trusted_proxies,
    .id_networks = settings.id_networks,
    .mechanisms = settings.mechanisms,
    .asks_certificate = settings.asks_certificate,
  };
  satchel_gate_listen (listener->fd, &options);
}

static const SatchelRoleHooks hooks = {
  .peer_up = peer_up,
  .peer_down = peer_down,
  .peer_message = peer_message,
  .reload_prepare = reload_prepare,
  .reload_commit = reload_commit,
  .reload_abort = reload_abort,
  .listener = add_listener,
  .stop = stop_gate,
  .admin = answer_admin,
};

gboolean
satchel_gate_role_start (SatchelRoleContext *own, const SatchelRoleHooks **ret_hooks, GError **error)
{
  static const SatchelGateHost host = { .send_to_auth = send_to_auth,
                                        .send_to_mail = send_to_mail,
                                        .is_auth_up = is_auth_up,
                                        .is_mail_up = is_mail_up,
                                        .group = config_group };
  context = own;
  satchel_session_settings (own->config);
  SatchelGateHost with_slot = host;
  with_slot.slot = own->slot;
  satchel_gate_init (&with_slot, own->connection_table, SATCHEL_CONNECTION_TABLE_BYTES, own->ticket_key);
  g_autoptr (SatchelTlsContext) tls = NULL;
  if (!make_tls (own->tls_files, own->config, &tls, error))
    return FALSE;
  satchel_gate_set_tls (tls);
  for (guint i = 0; i < own->listeners->len; i++)
    add_listener (own, g_ptr_array_index (own->listeners, i));
  *ret_hooks = &hooks;
  return TRUE;
}
