/* SPDX-License-Identifier: MIT
 * Implements the calls that roles may make: answers to administrators, settings of listeners, and the end of
 * the process.
 */
#include "config.h"

#include "core/daemon/role/role_private.h"

void
satchel_role_end (SatchelRoleContext *context)
{
  g_main_loop_quit (context->private->loop);
}

void
satchel_role_stopped (SatchelRoleContext *context)
{
  satchel_ipc_send (context->control, satchel_ipc_message_new (SATCHEL_IPC_STOPPED, 0));
  satchel_role_end (context);
}

gboolean
satchel_role_find_listener (SatchelRoleContext *context, const char *name,
                            SatchelListenerSettings *ret_settings)
{
  const SatchelConfig *listen = satchel_config_set_group (context->config, "listen");
  guint n = listen != NULL ? satchel_config_n_groups (listen, "listeners") : 0;
  for (guint i = 0; i < n; i++)
    {
      SatchelListenerSettings settings;
      satchel_listener_settings_read (satchel_config_group (listen, "listeners", i), &settings);
      if (g_strcmp0 (settings.name, name) != 0)
        continue;
      *ret_settings = settings;
      return TRUE;
    }
  return FALSE;
}

void
satchel_role_admin_reply (SatchelRoleContext *context, guint64 request, gboolean final, guint status,
                          const char *text)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_ADMIN_REPLY, 0);
  g_autofree char *bounded = g_strndup (text != NULL ? text : "", 12000);
  g_autofree char *valid = g_utf8_make_valid (bounded, -1);
  satchel_ipc_put_u64 (message, request);
  satchel_ipc_put_u32 (message, final);
  satchel_ipc_put_u32 (message, status);
  satchel_ipc_put_string (message, valid);
  satchel_ipc_send (context->control, message);
}
