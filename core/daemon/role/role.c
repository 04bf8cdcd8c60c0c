/* SPDX-License-Identifier: MIT
 * Runs a role. Every role goes the same way: it drops what it must not have, takes what master gives,
 * loads modules, enters the sandbox, connects its peers, and runs.
 */
#include "config.h"

#include "core/daemon/role/role_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/heap.h"
#include "core/daemon/build_id.h"
#include "core/daemon/free.h"
#include "core/daemon/sandbox/drop.h"
#include "core/runtime/config/core_settings.h"
#include "core/runtime/process/crash.h"
#include "core/runtime/loop/job_private.h"
#include "core/runtime/ipc/helper_private.h"
#include "core/runtime/log/log_private.h"
#include "core/runtime/process/process.h"
#include "core/runtime/loop/reactor_private.h"

#define CONTROL_FD 3
#define MASTER_TIMEOUT_MS 60000

static gboolean
say_hello (SatchelRoleContext *context, GError **error)
{
  g_autofree char *build = satchel_build_id ();
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_HELLO, 0);
  satchel_ipc_put_string (message, build);
  satchel_ipc_put_u32 (message, context->role);
  satchel_ipc_put_u32 (message, context->slot);
  return satchel_ipc_send_blocking (CONTROL_FD, message, error);
}

static gboolean
take_setup (SatchelRoleContext *context, GError **error)
{
  g_autoptr (SatchelIpcMessage) message = satchel_ipc_receive_blocking (CONTROL_FD, MASTER_TIMEOUT_MS, error);
  if (message == NULL)
    return FALSE;
  struct SatchelRolePrivate *own = context->private;
  own->uid = satchel_ipc_get_u32 (message);
  own->gid = satchel_ipc_get_u32 (message);
  own->more_gid = satchel_ipc_get_u32 (message);
  own->sandbox = (SatchelSandboxMode) satchel_ipc_get_u32 (message);
  own->trusted_uid = satchel_ipc_get_u32 (message);
  context->n_mail_slots = satchel_ipc_get_u32 (message);
  context->n_callers = satchel_ipc_get_u32 (message);
  if (message->type != SATCHEL_IPC_SETUP || !satchel_ipc_message_is_done (message))
    return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                              "the first message of the master process was not the expected one (SETUP)");
  return TRUE;
}

static gboolean
take_all (SatchelRoleContext *context, GError **error)
{
  for (;;)
    {
      g_autoptr (SatchelIpcMessage) message =
          satchel_ipc_receive_blocking (CONTROL_FD, MASTER_TIMEOUT_MS, error);
      if (message == NULL)
        return FALSE;
      if (!satchel_role_control (context, message, error))
        return FALSE;
      if (message->type == SATCHEL_IPC_START)
        return TRUE;
    }
}

static gboolean
enter_sandbox (SatchelRoleContext *context, GError **error)
{
  struct SatchelRolePrivate *own = context->private;
  satchel_sandbox_preload (context->role);
  g_autoptr (GArray) paths = satchel_role_paths (context);
  return satchel_sandbox_enter (context->role, own->sandbox,
                                (const SatchelSandboxPath *) (gpointer) paths->data, paths->len,
                                own->connect_ports, error);
}

static gboolean
control_message (SatchelIpcLink *link, SatchelIpcMessage *message, gpointer data)
{
  const SatchelRoleContext *context = data;
  g_autoptr (GError) error = NULL;
  if (satchel_role_control (data, message, &error))
    return TRUE;
  satchel_log (SATCHEL_LOG_ERROR, satchel_role_name (context->role), "slot=%u: this process ends: %s",
               context->slot, error->message);
  return FALSE;
}

static void
control_closed (SatchelIpcLink *link, gpointer data)
{
  /* Master has ended or sends malformed messages, so nobody would restart or stop this process. */
  satchel_role_end (data);
}

typedef struct RoleCode
{
  SatchelRole role;
  gboolean (*start) (SatchelRoleContext *context, const SatchelRoleHooks **ret_hooks, GError **error);
  gboolean (*prepare) (SatchelRoleContext *context, GError **error); /* before the sandbox and the modules */
} RoleCode;
static const RoleCode codes[] = {
#define SATCHEL_ROLE_ROW(role, name, account, ids, processes, peers, traits, start, prepare)                 \
  { SATCHEL_ROLE_##role, start, prepare },
#include "core/runtime/process/roles.def"
};

static const RoleCode *
code_of (SatchelRole role)
{
  guint i = 0;
  while (codes[i].role != role)
    i++;
  return &codes[i];
}

/* Tells master why the process fails. Any thread may call it: each message is one packet, so it does not mix
 * with those of the main loop. */
static void
tell_failure (const char *why)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_FAILED, 0);
  g_autofree char *valid = g_utf8_make_valid (why, MIN (strlen (why), 4000));
  satchel_ipc_put_string (message, valid);
  (void) satchel_ipc_send_blocking (CONTROL_FD, message, NULL);
}

static gboolean
bring_up (SatchelRoleContext *context, GError **error)
{
  struct SatchelRolePrivate *own = context->private;
  satchel_reactor_init ();
  if (!say_hello (context, error) || !take_setup (context, error)
      || !satchel_drop_rights (own->uid, own->gid, own->more_gid, FALSE, error))
    return FALSE;
  satchel_loader_set_trusted_uid (context->loader, own->trusted_uid);
  if (!take_all (context, error) || !satchel_loader_configure (context->loader, context->config, error))
    return FALSE;
  if (satchel_heap_is_wiping && !satchel_free_can_wipe ())
    satchel_log (SATCHEL_LOG_WARNING, satchel_role_name (context->role),
                 "server.wipe_memory: this build cannot wipe memory that is freed; the text of mail can stay "
                 "in the memory of processes");
  SatchelLimitSettings limits;
  SatchelHelperSettings helpers;
  satchel_limit_settings_read (satchel_config_set_group (context->config, "limits"), &limits);
  satchel_helper_settings_read (satchel_config_set_group (context->config, "helpers"), &helpers);
  satchel_helper_calls_set_limits (helpers.queue, helpers.content);
  satchel_job_set_limits (limits.threads, limits.threads_per_user);
  if (fchdir (context->root_fd >= 0 ? context->root_fd : AT_FDCWD) != 0 && chdir ("/") != 0)
    return satchel_error_set_errno (error, errno, "the process cannot enter its directory (chdir)");
  const RoleCode *code = code_of (context->role);
  if (code->prepare != NULL && !code->prepare (context, error))
    return FALSE;
  if (!enter_sandbox (context, error) || !satchel_loader_start (context->loader, error))
    return FALSE;
  context->control = satchel_ipc_link_new (CONTROL_FD, control_message, control_closed, context);
  own->is_started = TRUE;
  const SatchelRoleHooks *hooks = NULL;
  if (!code->start (context, &hooks, error))
    return FALSE;
  own->hooks = hooks;
  g_clear_pointer (&context->tls_files, g_array_unref);
  satchel_role_peers_up (context);
  satchel_ipc_send (context->control, satchel_ipc_message_new (SATCHEL_IPC_READY, 0));
  return TRUE;
}

int
satchel_role_main (SatchelRole role, guint slot)
{
  static SatchelRoleContext context;
  static struct SatchelRolePrivate own;
  /* The descriptor had to outlive this process's exec, but must not outlive another. */
  (void) fcntl (CONTROL_FD, F_SETFD, FD_CLOEXEC);
  satchel_log_open (-1, SATCHEL_LOG_INFO, satchel_role_name (role));
  satchel_crash_init ();
  satchel_process_set_fail_func (tell_failure);
  context.role = role;
  context.slot = slot;
  context.root_fd = -1;
  context.private = &own;
  context.peers = g_ptr_array_new ();
  context.listeners = g_ptr_array_new ();
  own.loop = g_main_loop_new (NULL, FALSE);
  g_queue_init (&own.old_sets);
  context.loader = satchel_loader_new (role, NULL);
  satchel_loader_set_default (context.loader);
  g_autoptr (GError) error = NULL;
  if (!bring_up (&context, &error))
    {
      const char *why = error != NULL ? error->message : "no reason given";
      satchel_log (SATCHEL_LOG_ERROR, satchel_role_name (role), "slot=%u: cannot start: %s", slot, why);
      tell_failure (why);
      satchel_loader_stop (context.loader);
      return 1;
    }
  g_main_loop_run (own.loop);
  satchel_loader_stop (context.loader);
  /* Threads of jobs may still run, so nothing that they use is freed. */
  _exit (0);
}
