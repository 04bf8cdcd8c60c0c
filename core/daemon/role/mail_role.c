/* SPDX-License-Identifier: MIT
 * Runs the role mail: it joins what role.c brings with sessions (core/session/mail/mail.h), deliveries and
 * stores.
 */
#include "config.h"

#include "core/daemon/role/role.h"
#include "core/runtime/connection/connection_private.h"
#include "core/runtime/loop/job_private.h"
#include "core/runtime/loop/reactor_private.h"
#include "core/session/admin/admin_calls.h"
#include "core/session/fsck/fsck_command.h"
#include "core/session/transfer/export_command.h"
#include "core/session/transfer/import_command.h"
#include "core/session/convert/convert_command.h"
#include "core/session/convert/turn.h"
#include "core/session/delivery/delivery_account.h"
#include "core/session/janitor/janitor.h"
#include "core/session/mail/mail.h"
#include "core/session/mail/service_listener.h"
#include "core/session/settings.h"
#include "core/storage/store/store_open.h"
#include <satchel/log.h>
#include <string.h>

#define ENDED_POLL_MS 50
#define REPLY_BYTES 8000u

static SatchelRoleContext *context;
static SatchelStoreSetup *prepared; /* during a reload */
static SatchelTimer stop_timer;
static gboolean is_closing;

static gboolean
send_to (SatchelRole role, guint slot, SatchelIpcMessage *message)
{
  SatchelPeer *peer = satchel_role_peer (context, role, slot);
  if (peer != NULL)
    return satchel_peer_send (peer, message);
  satchel_ipc_message_free (message);
  return FALSE;
}

static gboolean
send_to_auth (SatchelIpcMessage *message)
{
  return send_to (SATCHEL_ROLE_AUTH, 0, message);
}

static gboolean
send_to_gate (guint slot, SatchelIpcMessage *message)
{
  return send_to (SATCHEL_ROLE_GATE, slot, message);
}

static gboolean
send_to_mail (guint slot, SatchelIpcMessage *message)
{
  return send_to (SATCHEL_ROLE_MAIL, slot, message);
}

static void
drain_auth (void)
{
  SatchelPeer *auth = satchel_role_peer (context, SATCHEL_ROLE_AUTH, 0);
  if (auth != NULL && auth->link != NULL)
    satchel_ipc_link_drain (auth->link);
}

static const SatchelConfig *
config_group (const char *name)
{
  return satchel_config_set_group (context->config, name);
}

static const SatchelProtocolOps *
find_protocol (const char *service, const char **ret_group)
{
  const SatchelProvided *provided = satchel_loader_find (context->loader, SATCHEL_KIND_PROTOCOL, service);
  if (provided == NULL)
    {
      satchel_log (SATCHEL_LOG_ERROR, "mail", "no loaded module serves the protocol \"%s\"", service);
      return NULL;
    }
  *ret_group = provided->module->name;
  return provided->ops;
}

static void
configure_deliveries (void)
{
  g_autoptr (GPtrArray) provided = satchel_loader_find_all (context->loader, SATCHEL_KIND_DELIVERY_FILTER);
  satchel_filters_configure (provided, config_group ("filters"));
  const SatchelDeliveryHost host = { .slot = context->slot,
                                     .root_fd = context->root_fd,
                                     .detail_separators =
                                         satchel_config_string (config_group ("auth"), "detail_separators"),
                                     .send_to_auth = send_to_auth,
                                     .send_to_mail = send_to_mail,
                                     .acquire_store = satchel_store_acquire };
  satchel_delivery_init (&host);
}

static void
start_janitor (SatchelRoleContext *own)
{
  const SatchelJanitorHost host = { .slot = own->slot,
                                    .root_fd = own->root_fd,
                                    .group = config_group,
                                    .acquire_store = satchel_store_acquire,
                                    .send_to_auth = send_to_auth };
  satchel_janitor_start (&host);
}

static gboolean
reload_prepare (SatchelRoleContext *own, const SatchelConfigSet *config, GError **error)
{
  prepared = satchel_store_setup_new (own->loader, config, own->slot, own->root_fd, error);
  return prepared != NULL;
}

static void
reload_abort (SatchelRoleContext *own)
{
  satchel_store_setup_unref (g_steal_pointer (&prepared));
}

static void
reload_commit (SatchelRoleContext *own)
{
  satchel_session_settings (own->config);
  configure_deliveries ();
  satchel_stores_take (g_steal_pointer (&prepared), own->loader, own->config);
  start_janitor (own);
}

static void
peer_down (SatchelRoleContext *own, SatchelPeer *peer)
{
  if (peer->role == SATCHEL_ROLE_AUTH)
    {
      satchel_delivery_auth_lost ();
      satchel_janitor_auth_lost ();
      satchel_turn_auth_lost ();
    }
  else if (peer->role == SATCHEL_ROLE_GATE)
    satchel_mail_gate_lost (peer->slot);
  else
    satchel_delivery_mail_lost (peer->slot);
}

static gboolean
peer_message (SatchelRoleContext *own, SatchelPeer *peer, SatchelIpcMessage *message)
{
  if (peer->role == SATCHEL_ROLE_AUTH)
    return message->type == SATCHEL_IPC_LOOKUP_REPLY   ? satchel_delivery_auth_message (message)
           : message->type == SATCHEL_IPC_TURNED       ? satchel_turn_message (message)
           : message->type == SATCHEL_IPC_ACCOUNT_MAIL ? satchel_delivery_account_message (message)
           : message->type == SATCHEL_IPC_OWNED_REPLY  ? satchel_janitor_auth_message (message)
                                                       : satchel_mail_auth_message (message);
  if (peer->role == SATCHEL_ROLE_GATE)
    return satchel_mail_gate_message (peer->slot, message);
  return peer->role == SATCHEL_ROLE_MAIL && satchel_delivery_mail_message (peer->slot, message);
}

static void
close_stores (gpointer data)
{
  satchel_stores_close ();
}

static void
stores_closed (gpointer data)
{
  satchel_role_stopped (context);
}

/* Closes the stores when sessions have said goodbye, and running jobs and deliveries have finished. */
static void
look_if_ended (SatchelTimer *timer, gpointer data)
{
  if (is_closing)
    return;
  if (satchel_mail_n_sessions () > 0 || satchel_delivery_n_asked () > 0 || satchel_delivery_n_account () > 0
      || satchel_job_n_pending () > 0)
    {
      satchel_mail_stop (); /* sessions may have been handed over since the last call */
      satchel_timer_arm (timer, ENDED_POLL_MS, look_if_ended, NULL);
      return;
    }
  is_closing = TRUE;
  satchel_job_submit (NULL, "close stores", close_stores, stores_closed, NULL);
}

static void
stop_mail (SatchelRoleContext *own, guint grace_ms)
{
  satchel_services_stop ();
  satchel_admin_calls_stop ();
  satchel_janitor_stop ();
  satchel_connections_shutdown ();
  satchel_timer_arm (&stop_timer, 0, look_if_ended, NULL);
}

typedef struct Answer
{
  guint64 request;
  GString *text;
} Answer;

static void
add_line (const char *line, gpointer data)
{
  Answer *answer = data;
  if (answer->text->len + strlen (line) + 1 > REPLY_BYTES)
    {
      satchel_role_admin_reply (context, answer->request, FALSE, 0, answer->text->str);
      g_string_truncate (answer->text, 0);
    }
  g_string_append_printf (answer->text, "%s\n", line);
}

static void
add_device (const char *line, gpointer data)
{
  g_autofree char *session = g_strconcat ("session ", line, NULL);
  add_line (session, data);
}

/* Ends sessions of @user. @what is "--all", a session, or the credential that opened sessions. */
static guint
end_device (const char *user, const char *what)
{
  return strcmp (what, "--all") == 0
             ? satchel_mail_kick (user)
             : satchel_mail_end_session (user, what) + satchel_mail_end_credential (user, what);
}

static gboolean
answer_admin (SatchelRoleContext *own, guint64 request, const char *const *argv, int channel_fd)
{
  g_autoptr (GString) text = g_string_new (NULL);
  if (g_strcmp0 (argv[0], "who") == 0)
    {
      Answer answer = { request, text };
      satchel_mail_describe (NULL, add_line, &answer);
    }
  else if (g_strcmp0 (argv[0], "devices") == 0 && argv[1] != NULL)
    {
      Answer answer = { request, text };
      satchel_mail_describe (argv[1], add_device, &answer);
    }
  else if (g_strcmp0 (argv[0], "devices-end") == 0 && argv[1] != NULL && argv[2] != NULL)
    g_string_printf (text, "sessions ended=%u\n", end_device (argv[1], argv[2]));
  else if (g_strcmp0 (argv[0], "kick") == 0 && argv[1] != NULL)
    g_string_printf (text, "%u\n",
                     argv[2] != NULL ? satchel_mail_end_credential (argv[1], argv[2])
                                     : satchel_mail_kick (argv[1]));
  else if (g_strcmp0 (argv[0], "status") == 0)
    {
      Answer answer = { request, text };
      g_string_printf (text, "mail: slot=%u sessions=%u stores=%u jobs=%u\n", own->slot,
                       satchel_mail_n_sessions (), satchel_stores_n_open (), satchel_job_n_pending ());
      satchel_janitor_describe (text);
      satchel_feed_describe (add_line, &answer);
    }
  else if (g_strcmp0 (argv[0], "run") == 0)
    {
      satchel_admin_calls_start (request, argv, channel_fd);
      return TRUE;
    }
  else
    return FALSE;
  satchel_role_admin_reply (own, request, TRUE, 0, text->str);
  return TRUE;
}

static void
admin_goes_on (SatchelRoleContext *own, guint64 request, gboolean is_cancel, guint64 n_bytes)
{
  if (is_cancel)
    satchel_admin_calls_cancel (request);
  else
    satchel_admin_calls_room (request, n_bytes);
}

static void
reply_admin (guint64 request, gboolean is_final, guint status, const char *text)
{
  satchel_role_admin_reply (context, request, is_final, status, text);
}

/* Commands of the server itself. */
static const SatchelOwnCommands own_commands[] = { { SATCHEL_CONVERT_GROUP, &satchel_convert_commands },
                                                   { SATCHEL_EXPORT_GROUP, &satchel_export_commands },
                                                   { SATCHEL_FSCK_GROUP, &satchel_fsck_commands },
                                                   { SATCHEL_IMPORT_GROUP, &satchel_import_commands },
                                                   { NULL, NULL } };

static const SatchelRoleHooks hooks = {
  .peer_down = peer_down,
  .peer_message = peer_message,
  .reload_prepare = reload_prepare,
  .reload_commit = reload_commit,
  .reload_abort = reload_abort,
  .stop = stop_mail,
  .admin = answer_admin,
  .admin_goes_on = admin_goes_on,
};

static void
end_outdated_sessions (const char *user, guint64 epoch)
{
  satchel_log (SATCHEL_LOG_WARNING, "mail",
               "user=\"%s\" has been with another process since epoch %" G_GUINT64_FORMAT
               ": the user's sessions here end",
               user, epoch);
  satchel_mail_kick_outdated (user, epoch);
}

/* Ends the sessions of a user who has been converted.  The clients log in again, and find everything as it
 * was. */
static void
end_turned_sessions (const char *user, guint64 epoch)
{
  satchel_mail_kick_outdated (user, epoch);
}

static void
tell_keyring (const char *user, const char *module, const char *text)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_KEYRING_TOLD, 0);
  satchel_ipc_put_string (message, user);
  satchel_ipc_put_string (message, module);
  satchel_ipc_put_string (message, text);
  (void) send_to_auth (message); /* it is told again where it did not arrive */
}

static void
clean_spool (gpointer data)
{
  satchel_spool_clean ();
}

gboolean
satchel_mail_role_start (SatchelRoleContext *own, const SatchelRoleHooks **ret_hooks, GError **error)
{
  static const SatchelMailHost host = { .send_to_auth = send_to_auth,
                                        .send_to_gate = send_to_gate,
                                        .drain_auth = drain_auth,
                                        .group = config_group,
                                        .find_protocol = find_protocol,
                                        .acquire_store = satchel_store_acquire,
                                        .acquire_open_store = satchel_store_acquire_open,
                                        .release_store = satchel_store_release,
                                        .adopt_store = satchel_store_adopt };
  static const SatchelStoresHooks store_hooks = { .placed = satchel_mail_tell_placed,
                                                  .outdated = end_outdated_sessions,
                                                  .turned = end_turned_sessions,
                                                  .wants_upkeep = satchel_janitor_visit_soon,
                                                  .tells_keyring = tell_keyring };
  context = own;
  satchel_stores_set_hooks (&store_hooks);
  satchel_session_settings (own->config);
  if (!satchel_stores_configure (own->loader, own->config, own->slot, own->root_fd, error))
    return FALSE;
  satchel_mail_init (&host);
  satchel_admin_calls_init (&(SatchelAdminHost) { .loader = own->loader,
                                                  .root_fd = own->root_fd,
                                                  .slot = own->slot,
                                                  .own = own_commands,
                                                  .group = config_group,
                                                  .acquire_store = satchel_store_acquire,
                                                  .reply = reply_admin });
  satchel_turn_init (send_to_auth);
  configure_deliveries ();
  for (guint i = 0; i < own->listeners->len; i++)
    {
      const SatchelListener *listener = g_ptr_array_index (own->listeners, i);
      const SatchelProvided *service =
          satchel_loader_find (own->loader, SATCHEL_KIND_SERVICE, listener->protocol);
      if (service != NULL)
        satchel_service_listen (listener->fd, service->ops, service->module->name, config_group);
    }
  if (own->slot == 0)
    satchel_job_submit (NULL, "clean spool", clean_spool, NULL, NULL);
  start_janitor (own);
  *ret_hooks = &hooks;
  return TRUE;
}
