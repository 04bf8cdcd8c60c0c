/* SPDX-License-Identifier: MIT
 * Runs the role helper: the process of one module, which works on what the others ask
 * (core/runtime/ipc/helper_serve.c). It has its own limits of memory and files, no directory of the
 * server's, and the settings of its module only.
 */
#include "config.h"

#include "core/daemon/role/connector.h"
#include "core/daemon/role/launcher.h"
#include "core/daemon/role/role_private.h"

#include <errno.h>
#include <string.h>
#include <satchel/log.h>
#include <sys/resource.h>

#include "core/runtime/config/core_settings.h"
#include "core/runtime/ipc/endpoint.h"
#include "core/runtime/ipc/helper_private.h"
#include "core/base/sanitized.h"

#define OWN_FILES 64u /* descriptors of the process itself and of its links */

static SatchelHelperSettings
read_settings (SatchelRoleContext *context)
{
  SatchelHelperSettings settings;
  satchel_helper_settings_read (satchel_config_set_group (context->config, "helpers"), &settings);
  return settings;
}

static GPtrArray *granted; /* texts of endpoints, as they were at the start */

static const SatchelProvided *
own_helper (const SatchelRoleContext *context)
{
  g_autoptr (GPtrArray) provided = satchel_loader_find_all (context->loader, SATCHEL_KIND_HELPER);
  return provided->len == 1 ? g_ptr_array_index (provided, 0) : NULL;
}

static GPtrArray *
endpoints_of (const SatchelRoleContext *context, const SatchelModule *module)
{
  GPtrArray *texts = g_ptr_array_new_with_free_func (g_free);
  satchel_endpoint_collect (satchel_config_set_group (context->config, module->name), module->schema, texts);
  return texts;
}

static gboolean
arrange_endpoints (SatchelRoleContext *context, GError **error)
{
  const SatchelProvided *own = own_helper (context);
  if (own == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                              "the master process gave this one no module with a helper, or more than one");
  granted = endpoints_of (context, own->module);
  /* The helper itself may connect by TCP only. Landlock cannot restrict unix sockets, so the connector still
   * connects those. */
  if ((satchel_module_rights (own->module) & SATCHEL_RIGHT_CONNECT) != 0 && granted->len > 0)
    context->private->connect_ports = satchel_endpoint_ports (granted);
  return granted->len == 0 || satchel_connector_start (granted, context->private->sandbox, error);
}

/* Each process of the launcher has the limits of the helper. */
static gboolean
arrange_launcher (SatchelRoleContext *context, GError **error)
{
  const SatchelHelperOps *ops = own_helper (context)->ops;
  g_autoptr (GArray) ports = satchel_endpoint_ports (granted);
  return !SATCHEL_HAS (ops, run_child)
         || satchel_launcher_start (ops, ports, context->private->sandbox, error);
}

/* If endpoints have changed, the helper starts again, since the connector knows the old ones and its sandbox
 * is closed. */
static void
reload_commit (SatchelRoleContext *context)
{
  g_autoptr (GPtrArray) now = endpoints_of (context, own_helper (context)->module);
  gboolean is_same = now->len == granted->len;
  for (guint i = 0; is_same && i < now->len; i++)
    is_same = strcmp (g_ptr_array_index (now, i), g_ptr_array_index (granted, i)) == 0;
  if (is_same)
    return;
  satchel_log (SATCHEL_LOG_INFO, "helper", "the endpoints of module %s have changed: its helper starts again",
               own_helper (context)->module->name);
  satchel_role_end (context);
}

static gboolean
limit_resource (int what, guint64 value, const char *name, GError **error)
{
  struct rlimit now;
  if (getrlimit (what, &now) != 0)
    return satchel_error_set_errno (error, errno, "the limit of %s cannot be read", name);
  now.rlim_max = MIN (now.rlim_max, (rlim_t) value);
  now.rlim_cur = now.rlim_max;
  return setrlimit (what, &now) == 0
             ? TRUE
             : satchel_error_set_errno (error, errno, "the limit of %s cannot be set", name);
}

gboolean
satchel_helper_role_confine (SatchelRoleContext *context, GError **error)
{
  SatchelHelperSettings own = read_settings (context);
  if (!arrange_endpoints (context, error))
    return FALSE;
  /* A call brings two descriptors: one of a long request, and one of the content. */
  guint64 files = (guint64) own.files + OWN_FILES + 2 * (guint64) own.queue * context->n_callers;
  /* Memory is not limited under a sanitizer, whose shadow memory would count. */
  return (satchel_is_sanitized () || limit_resource (RLIMIT_DATA, own.memory, "helpers.memory", error))
         && limit_resource (RLIMIT_NOFILE, files, "helpers.files", error)
         && arrange_launcher (context, error);
}

static gboolean
send_to (gpointer data, SatchelIpcMessage *message)
{
  return satchel_peer_send (data, message);
}

static void
peer_up (SatchelRoleContext *context, SatchelPeer *peer)
{
  peer->data = satchel_helper_caller_new (send_to, peer);
}

static void
peer_down (SatchelRoleContext *context, SatchelPeer *peer)
{
  satchel_helper_caller_free (g_steal_pointer (&peer->data));
}

static gboolean
peer_message (SatchelRoleContext *context, SatchelPeer *peer, SatchelIpcMessage *message)
{
  return satchel_helper_caller_message (peer->data, message);
}

static gboolean
answer_admin (SatchelRoleContext *context, guint64 request, const char *const *argv, int channel_fd)
{
  if (g_strcmp0 (argv[0], "status") != 0)
    return FALSE;
  guint n_running, n_waiting;
  guint64 n_answered;
  satchel_helper_serve_counts (&n_running, &n_waiting, &n_answered);
  g_autofree char *text =
      g_strdup_printf ("helper: slot=%u running=%u waiting=%u answered=%" G_GUINT64_FORMAT "\n",
                       context->slot, n_running, n_waiting, n_answered);
  satchel_role_admin_reply (context, request, TRUE, 0, text);
  return TRUE;
}

static const SatchelRoleHooks hooks = {
  .peer_up = peer_up,
  .peer_down = peer_down,
  .peer_message = peer_message,
  .reload_commit = reload_commit,
  .admin = answer_admin,
};

gboolean
satchel_helper_role_start (SatchelRoleContext *context, const SatchelRoleHooks **ret_hooks, GError **error)
{
  SatchelHelperSettings own = read_settings (context);
  satchel_helper_serve_init (own_helper (context)->ops, own.queue, own.overdue_ms);
  *ret_hooks = &hooks;
  return TRUE;
}
