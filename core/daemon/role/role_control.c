/* SPDX-License-Identifier: MIT
 * This file handles the messages of master: configuration, peers, reload in two phases, stop, requests of
 * administrators.
 */
#include "config.h"

#include "core/base/fd.h"
#include "core/base/heap.h"
#include "core/daemon/role/role_private.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/daemon/plan.h"
#include "core/runtime/config/core_settings.h"
#include "core/runtime/loop/breadcrumb.h"
#include "core/runtime/log/counter_lane.h"
#include "core/runtime/log/log_private.h"
#include "core/storage/store/store_open.h"

#define OLD_SETS_MAX 16u

static gboolean
take_config (SatchelRoleContext *context, SatchelIpcMessage *message, GError **error)
{
  struct SatchelRolePrivate *own = context->private;
  guint64 generation = satchel_ipc_get_u64 (message);
  g_auto (SatchelFd) fd = satchel_ipc_take_fd (message);
  if (!satchel_ipc_message_is_done (message) || fd < 0 || own->is_prepared)
    return FALSE;
  g_autoptr (GBytes) bytes = satchel_fd_read_bytes (fd, SATCHEL_CONFIG_IMAGE_MAX, error);
  SatchelConfigSet *set = bytes != NULL ? satchel_config_set_from_bytes (bytes, error) : NULL;
  if (set == NULL)
    {
      g_prefix_error (error, "the configuration that the master process sent cannot be used: ");
      return FALSE;
    }
  satchel_config_set_free (own->next);
  own->next = set;
  own->next_generation = generation;
  return TRUE;
}

static void
tls_file_clear (gpointer data)
{
  SatchelTlsFile *file = data;
  satchel_fd_clear (&file->chain_fd);
  satchel_fd_clear (&file->key_fd);
}

static GArray *
tls_files_new (void)
{
  GArray *files = g_array_new (FALSE, TRUE, sizeof (SatchelTlsFile));
  g_array_set_clear_func (files, tls_file_clear);
  return files;
}

static gboolean
take_tls_file (SatchelRoleContext *context, SatchelIpcMessage *message, GError **error)
{
  satchel_ipc_get_u64 (message);
  guint32 index = satchel_ipc_get_u32 (message), is_key = satchel_ipc_get_u32 (message);
  g_auto (SatchelFd) fd = satchel_ipc_take_fd (message);
  if (!satchel_ipc_message_is_done (message) || fd < 0)
    return FALSE;
  GArray **files = context->private->is_started ? &context->new_tls_files : &context->tls_files;
  if (*files == NULL)
    *files = tls_files_new ();
  for (guint i = 0; i < (*files)->len; i++)
    {
      SatchelTlsFile *file = &g_array_index (*files, SatchelTlsFile, i);
      if (file->index != index)
        continue;
      int *place = is_key ? &file->key_fd : &file->chain_fd;
      satchel_fd_clear (place);
      *place = satchel_fd_steal (&fd);
      return TRUE;
    }
  SatchelTlsFile file = { index, -1, -1 };
  *(is_key ? &file.key_fd : &file.chain_fd) = satchel_fd_steal (&fd);
  g_array_append_val (*files, file);
  return TRUE;
}

/* Maps a file of the message. NULL: there is none, it has another size, or there is no memory. */
static gpointer
map_shared (SatchelIpcMessage *message, const char *what, gsize len, GError **error)
{
  struct stat st;
  g_auto (SatchelFd) fd = satchel_ipc_take_fd (message);
  /* Master sealed the size of the file: if the file became shorter, reading its memory would end the process
   * with a bus error. */
  if (fd < 0 || fstat (fd, &st) != 0 || (gsize) st.st_size != len)
    {
      satchel_error_set (error, SATCHEL_ERROR_INVALID,
                         "the memory for %s that the master process shares has another size than expected",
                         what);
      return NULL;
    }
  gpointer area = mmap (NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (area != MAP_FAILED)
    return area;
  satchel_error_set_errno (error, errno, "the memory for %s cannot be mapped", what);
  return NULL;
}

static gboolean
take_connection_table (SatchelRoleContext *context, SatchelIpcMessage *message, GError **error)
{
  context->connection_table =
      map_shared (message, "the list of sessions", SATCHEL_CONNECTION_TABLE_BYTES, error);
  return context->connection_table != NULL;
}

static gboolean
take_breadcrumbs (SatchelRoleContext *context, SatchelIpcMessage *message, GError **error)
{
  gpointer area = map_shared (message, "notes of what is worked on",
                              SATCHEL_BREADCRUMBS * sizeof (SatchelBreadcrumb), error);
  satchel_job_set_breadcrumbs (area);
  return area != NULL;
}

static gboolean
take_directory (SatchelRoleContext *context, SatchelIpcMessage *message, GError **error)
{
  satchel_fd_clear (&context->root_fd);
  context->root_fd = satchel_ipc_take_fd (message);
  return context->root_fd >= 0;
}

static gboolean
take_counters (SatchelRoleContext *context, SatchelIpcMessage *message, GError **error)
{
  SatchelCounterLane *lane = map_shared (message, "counters", sizeof (SatchelCounterLane), error);
  if (lane != NULL)
    satchel_counters_set_lane (lane);
  return lane != NULL;
}

/* Without this memory, auth forgets verified logins when it crashes, and does all else. */
static gboolean
take_remembered (SatchelRoleContext *context, SatchelIpcMessage *message, GError **error)
{
  g_autoptr (GError) why = NULL;
  context->remembered = map_shared (message, "verified logins", SATCHEL_REMEMBERED_BYTES, &why);
  if (context->remembered == NULL)
    satchel_log (SATCHEL_LOG_WARNING, "auth",
                 "%s, so a crash of auth forgets them: %u KiB must fit into the limit of locked memory "
                 "(LimitMEMLOCK of the unit)",
                 why->message, SATCHEL_REMEMBERED_BYTES / 1024);
  return TRUE;
}

/* What master shares, in the order of its descriptors. */
static const struct
{
  guint32 bit;
  gboolean (*take) (SatchelRoleContext *context, SatchelIpcMessage *message, GError **error);
} shared[] = {
  { SATCHEL_IPC_SHARED_CONNECTION_TABLE, take_connection_table },
  { SATCHEL_IPC_SHARED_BREADCRUMBS, take_breadcrumbs },
  { SATCHEL_IPC_SHARED_DIRECTORY, take_directory },
  { SATCHEL_IPC_SHARED_COUNTERS, take_counters },
  { SATCHEL_IPC_SHARED_REMEMBERED, take_remembered },
};

static gboolean
take_shared (SatchelRoleContext *context, SatchelIpcMessage *message, GError **error)
{
  guint32 bits = satchel_ipc_get_u32 (message);
  for (guint i = 0; i < G_N_ELEMENTS (shared); i++)
    if ((bits & shared[i].bit) != 0 && !shared[i].take (context, message, error))
      return FALSE;
  return satchel_ipc_message_is_done (message);
}

static gboolean
take_listener (SatchelRoleContext *context, SatchelIpcMessage *message, GError **error)
{
  SatchelListener *listener = g_new0 (SatchelListener, 1);
  g_ptr_array_add (context->listeners, listener);
  listener->name = g_strdup (satchel_ipc_get_string (message));
  listener->protocol = g_strdup (satchel_ipc_get_string (message));
  listener->implicit_tls = satchel_ipc_get_u32 (message) != 0;
  listener->allow_cleartext = satchel_ipc_get_u32 (message) != 0;
  listener->fd = satchel_ipc_take_fd (message);
  if (!satchel_ipc_message_is_done (message) || listener->fd < 0)
    return FALSE;
  const SatchelRoleHooks *hooks = context->private->hooks;
  if (hooks != NULL && hooks->listener != NULL)
    hooks->listener (context, listener);
  return TRUE;
}

static gboolean
take_module (SatchelRoleContext *context, SatchelIpcMessage *message, GError **error)
{
  const char *name = satchel_ipc_get_string (message);
  gboolean is_gate = satchel_ipc_get_u32 (message) != 0;
  g_auto (SatchelFd) fd = satchel_ipc_take_fd (message);
  return satchel_ipc_message_is_done (message) && fd >= 0
         && satchel_loader_load_fd (context->loader, fd, name, is_gate, error) != NULL;
}

static gboolean
take_peer (SatchelRoleContext *context, SatchelIpcMessage *message, GError **error)
{
  guint32 role = satchel_ipc_get_u32 (message), slot = satchel_ipc_get_u32 (message);
  const char *module = satchel_ipc_get_string (message);
  int fd = satchel_ipc_take_fd (message);
  if (!satchel_ipc_message_is_done (message) || fd < 0 || slot >= SATCHEL_SLOTS_MAX)
    {
      return FALSE;
    }
  satchel_role_set_peer (context, (SatchelRole) role, slot, module, message->session_id, fd);
  return TRUE;
}

static void
drop_new_tls_files (SatchelRoleContext *context)
{
  g_clear_pointer (&context->new_tls_files, g_array_unref);
}

static gboolean
prepare_reload (SatchelRoleContext *context, GError **error)
{
  struct SatchelRolePrivate *own = context->private;
  if (own->next == NULL || own->is_prepared)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "the master process sent no new configuration");
  if (context->new_tls_files == NULL)
    context->new_tls_files = tls_files_new ();
  const SatchelRoleHooks *hooks = own->hooks;
  if (hooks->reload_prepare != NULL && !hooks->reload_prepare (context, own->next, error))
    return FALSE;
  if (satchel_loader_reload_prepare (context->loader, own->next, error))
    return TRUE;
  if (hooks->reload_abort != NULL)
    hooks->reload_abort (context);
  return FALSE;
}

static gboolean
take_reload (SatchelRoleContext *context, SatchelIpcMessage *message, GError **error)
{
  guint64 attempt = satchel_ipc_get_u64 (message);
  if (!satchel_ipc_message_is_done (message))
    return FALSE;
  g_autoptr (GError) why = NULL;
  gboolean ok = prepare_reload (context, &why);
  context->private->is_prepared = ok;
  drop_new_tls_files (context);
  if (!ok)
    g_clear_pointer (&context->private->next, satchel_config_set_free);
  SatchelIpcMessage *reply = satchel_ipc_message_new (SATCHEL_IPC_RELOADED, 0);
  satchel_ipc_put_u64 (reply, attempt);
  satchel_ipc_put_u32 (reply, ok);
  satchel_ipc_put_string (reply, ok ? "" : why != NULL ? why->message : "refused without a reason");
  return satchel_ipc_send (context->control, reply);
}

static void
apply_log_level (const SatchelConfigSet *set)
{
  const SatchelConfig *section = satchel_config_set_group (set, "log");
  if (section != NULL)
    {
      SatchelLogSettings log;
      satchel_log_settings_read (section, &log);
      satchel_log_set_level (log.level);
    }
}

static void
apply_wiping (const SatchelConfigSet *set)
{
  SatchelServerSettings server;
  satchel_server_settings_read (satchel_config_set_group (set, "server"), &server);
  satchel_heap_set_wiping (server.wipe_memory == SATCHEL_WIPE_ALWAYS);
}

static void
adopt_next (SatchelRoleContext *context)
{
  struct SatchelRolePrivate *own = context->private;
  if (own->set != NULL)
    g_queue_push_head (&own->old_sets, own->set);
  while (own->old_sets.length > OLD_SETS_MAX)
    satchel_config_set_free (g_queue_pop_tail (&own->old_sets));
  own->set = g_steal_pointer (&own->next);
  context->config = own->set;
  context->generation = own->next_generation;
  apply_log_level (own->set);
  apply_wiping (own->set);
}

static gboolean
reload_end (SatchelRoleContext *context, gboolean is_commit)
{
  struct SatchelRolePrivate *own = context->private;
  const SatchelRoleHooks *hooks = own->hooks;
  gboolean was_prepared = own->is_prepared;
  own->is_prepared = FALSE;
  drop_new_tls_files (context);
  if (!was_prepared)
    {
      g_clear_pointer (&own->next, satchel_config_set_free);
      return TRUE;
    }
  if (is_commit)
    {
      adopt_next (context);
      satchel_loader_reload_end (context->loader, TRUE);
      if (hooks->reload_commit != NULL)
        hooks->reload_commit (context);
      return TRUE;
    }
  satchel_loader_reload_end (context->loader, FALSE);
  if (hooks->reload_abort != NULL)
    hooks->reload_abort (context);
  g_clear_pointer (&own->next, satchel_config_set_free);
  return TRUE;
}

static void
grace_over (SatchelTimer *timer, gpointer data)
{
  satchel_role_end (data);
}

static gboolean
take_stop (SatchelRoleContext *context, SatchelIpcMessage *message, GError **error)
{
  struct SatchelRolePrivate *own = context->private;
  guint32 grace_ms = satchel_ipc_get_u32 (message);
  if (!satchel_ipc_message_is_done (message))
    return FALSE;
  own->is_stopping = TRUE;
  if (own->hooks == NULL || own->hooks->stop == NULL)
    {
      satchel_role_stopped (context);
      return TRUE;
    }
  if (grace_ms != SATCHEL_GRACE_DRAIN)
    satchel_timer_arm (&own->grace, (gint64) grace_ms + 200, grace_over, context);
  own->hooks->stop (context, grace_ms);
  return TRUE;
}

static gboolean
take_admin (SatchelRoleContext *context, SatchelIpcMessage *message, GError **error)
{
  guint64 request = satchel_ipc_get_u64 (message);
  guint32 n = satchel_ipc_get_u32 (message);
  if (n == 0 || n > 16)
    return FALSE;
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  for (guint32 i = 0; i < n; i++)
    g_ptr_array_add (argv, (gpointer) satchel_ipc_get_string (message));
  g_ptr_array_add (argv, NULL);
  g_auto (SatchelFd) channel_fd = satchel_ipc_take_fd (message);
  if (!satchel_ipc_message_is_done (message))
    return FALSE;
  const SatchelRoleHooks *hooks = context->private->hooks;
  if (hooks == NULL || hooks->admin == NULL
      || !hooks->admin (context, request, (const char *const *) argv->pdata, channel_fd))
    satchel_role_admin_reply (context, request, TRUE, 0, "");
  return TRUE;
}

static gboolean
admin_goes_on (SatchelRoleContext *context, SatchelIpcMessage *message, GError **error)
{
  gboolean is_cancel = message->type == SATCHEL_IPC_ADMIN_CANCEL;
  guint64 request = satchel_ipc_get_u64 (message), n_bytes = is_cancel ? 0 : satchel_ipc_get_u64 (message);
  const SatchelRoleHooks *hooks = context->private->hooks;
  if (!satchel_ipc_message_is_done (message) || hooks == NULL || hooks->admin_goes_on == NULL)
    return FALSE;
  hooks->admin_goes_on (context, request, is_cancel, n_bytes);
  return TRUE;
}

static gboolean
take_log_file (SatchelRoleContext *context, SatchelIpcMessage *message, GError **error)
{
  int fd = satchel_ipc_take_fd (message);
  if (fd < 0 || !satchel_ipc_message_is_done (message))
    {
      return FALSE;
    }
  satchel_log_reopen (fd);
  return TRUE;
}

static gboolean
take_ticket_key (SatchelRoleContext *context, SatchelIpcMessage *message, GError **error)
{
  gsize len;
  const guint8 *key = satchel_ipc_get_bytes (message, &len);
  if (!satchel_ipc_message_is_done (message) || len != sizeof context->ticket_key)
    return FALSE;
  memcpy (context->ticket_key, key, len);
  return TRUE;
}

static gboolean
answer_ping (SatchelRoleContext *context, SatchelIpcMessage *message, GError **error)
{
  guint64 number = satchel_ipc_get_u64 (message);
  if (!satchel_ipc_message_is_done (message))
    return FALSE;
  SatchelIpcMessage *reply = satchel_ipc_message_new (SATCHEL_IPC_PONG, 0);
  satchel_ipc_put_u64 (reply, number);
  return satchel_ipc_send (context->control, reply);
}

static gboolean
take_suspect (SatchelRoleContext *context, SatchelIpcMessage *message, GError **error)
{
  const char *crumb = satchel_ipc_get_string (message);
  if (!satchel_ipc_message_is_done (message) || !satchel_role_has (context->role, SATCHEL_TRAIT_HAS_SUSPECTS))
    return FALSE;
  satchel_store_add_suspect (crumb);
  return TRUE;
}

static gboolean
take_start (SatchelRoleContext *context, SatchelIpcMessage *message, GError **error)
{
  if (context->private->next == NULL || !satchel_ipc_message_is_done (message))
    return FALSE;
  adopt_next (context);
  return TRUE;
}

static gboolean
commit_reload (SatchelRoleContext *context, SatchelIpcMessage *message, GError **error)
{
  return reload_end (context, TRUE);
}

static gboolean
abort_reload (SatchelRoleContext *context, SatchelIpcMessage *message, GError **error)
{
  return reload_end (context, FALSE);
}

/* When master may send a message. */
enum
{
  BEFORE_START = 1 << 0,
  AFTER_START = 1 << 1,
  ANY_TIME = BEFORE_START | AFTER_START
};

static const struct
{
  SatchelIpcType type;
  guint when;
  /* FALSE without an error means that the message is malformed, or out of place. */
  gboolean (*take) (SatchelRoleContext *context, SatchelIpcMessage *message, GError **error);
} messages[] = {
  { SATCHEL_IPC_CONFIG, ANY_TIME, take_config },
  { SATCHEL_IPC_TLS_FILE, ANY_TIME, take_tls_file },
  { SATCHEL_IPC_SHARED, ANY_TIME, take_shared },
  { SATCHEL_IPC_LISTENER, ANY_TIME, take_listener },
  { SATCHEL_IPC_MODULE, BEFORE_START, take_module },
  { SATCHEL_IPC_TICKET_KEY, ANY_TIME, take_ticket_key },
  { SATCHEL_IPC_PEER, ANY_TIME, take_peer },
  { SATCHEL_IPC_LOG_FILE, ANY_TIME, take_log_file },
  { SATCHEL_IPC_SUSPECT, BEFORE_START, take_suspect },
  { SATCHEL_IPC_START, BEFORE_START, take_start },
  { SATCHEL_IPC_PING, AFTER_START, answer_ping },
  { SATCHEL_IPC_RELOAD, AFTER_START, take_reload },
  { SATCHEL_IPC_RELOAD_COMMIT, AFTER_START, commit_reload },
  { SATCHEL_IPC_RELOAD_ABORT, AFTER_START, abort_reload },
  { SATCHEL_IPC_STOP, AFTER_START, take_stop },
  { SATCHEL_IPC_ADMIN, AFTER_START, take_admin },
  { SATCHEL_IPC_ADMIN_ROOM, AFTER_START, admin_goes_on },
  { SATCHEL_IPC_ADMIN_CANCEL, AFTER_START, admin_goes_on },
};

gboolean
satchel_role_control (SatchelRoleContext *context, SatchelIpcMessage *message, GError **error)
{
  guint now = context->private->is_started ? AFTER_START : BEFORE_START;
  g_autoptr (GError) why = NULL;
  for (guint i = 0; i < G_N_ELEMENTS (messages); i++)
    if (messages[i].type == message->type && (messages[i].when & now) != 0
        && messages[i].take (context, message, &why))
      return TRUE;
  if (why == NULL)
    return satchel_error_set (
        error, SATCHEL_ERROR_INVALID,
        "the master process sent a message with type=%d that is malformed or out of place",
        (int) message->type);
  g_propagate_error (error, g_steal_pointer (&why));
  return FALSE;
}
