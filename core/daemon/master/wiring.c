/* SPDX-License-Identifier: MIT
 * Gives a child of master its settings, modules, sockets and directories, and links to its peers.
 */
#include "config.h"

#include "core/daemon/master/master_private.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const SatchelPlanHelper *
helper_of (const SatchelWorker *worker, const SatchelPlan *plan)
{
  if (satchel_role_has (worker->role, SATCHEL_TRAIT_ONE_MODULE))
    for (guint i = 0; i < plan->helpers->len; i++)
      {
        const SatchelPlanHelper *helper = g_ptr_array_index (plan->helpers, i);
        if (strcmp (helper->module, worker->module) == 0)
          return helper;
      }
  return NULL;
}

static void
send_ids (SatchelWorker *worker, const SatchelPlan *plan)
{
  SatchelPlanIds ids = plan->ids[satchel_role_row (worker->role)->ids];
  const SatchelPlanHelper *helper = helper_of (worker, plan);
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_SETUP, 0);
  satchel_ipc_put_u32 (message, ids.uid);
  satchel_ipc_put_u32 (message, ids.gid);
  satchel_ipc_put_u32 (message, helper != NULL ? helper->gid : SATCHEL_PLAN_NO_ID);
  satchel_ipc_put_u32 (message, plan->sandbox);
  satchel_ipc_put_u32 (message, geteuid ());
  satchel_ipc_put_u32 (message, plan->n_mails);
  satchel_ipc_put_u32 (message, 1 + plan->n_mails + 2 * plan->n_gates);
  satchel_worker_send (worker, message);
}

static int
image_of (const SatchelWorker *worker, const SatchelPlan *plan)
{
  if (!satchel_role_has (worker->role, SATCHEL_TRAIT_ONE_MODULE))
    return plan->image_fd;
  const SatchelPlanHelper *helper = helper_of (worker, plan);
  return helper != NULL ? helper->image_fd : -1;
}

void
satchel_worker_send_config (SatchelWorker *worker, const SatchelPlan *plan, guint64 generation)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_CONFIG, 0);
  satchel_ipc_put_u64 (message, generation);
  satchel_ipc_put_fd (message, image_of (worker, plan));
  satchel_worker_send (worker, message);
  for (guint i = 0; satchel_role_has (worker->role, SATCHEL_TRAIT_HAS_TLS) && i < 2 * plan->tls->len; i++)
    {
      const SatchelPlanTls *tls = &g_array_index (plan->tls, SatchelPlanTls, i / 2);
      guint is_key = i % 2;
      message = satchel_ipc_message_new (SATCHEL_IPC_TLS_FILE, 0);
      satchel_ipc_put_u64 (message, generation);
      satchel_ipc_put_u32 (message, tls->index);
      satchel_ipc_put_u32 (message, is_key);
      satchel_ipc_put_fd (message, is_key ? tls->key_fd : tls->chain_fd);
      satchel_worker_send (worker, message);
    }
}

static void
send_modules (SatchelWorker *worker, const SatchelPlan *plan)
{
  for (guint i = 0; i < plan->modules->len; i++)
    {
      const SatchelPlanModule *module = g_ptr_array_index (plan->modules, i);
      gboolean is_other = *worker->module != '\0' && strcmp (module->name, worker->module) != 0;
      if ((module->roles & worker->role) == 0 || is_other
          || !module->is_gate != !satchel_role_has (worker->role, SATCHEL_TRAIT_GATE_HALVES))
        continue;
      SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_MODULE, 0);
      satchel_ipc_put_string (message, module->name);
      satchel_ipc_put_u32 (message, module->is_gate);
      satchel_ipc_put_fd (message, module->fd);
      satchel_worker_send (worker, message);
    }
}

static void
send_shared (SatchelWorker *worker)
{
  const SatchelMaster *master = worker->master;
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_SHARED, 0);
  gboolean is_mail = satchel_role_has (worker->role, SATCHEL_TRAIT_HAS_MAIL_ROOT),
           is_auth = satchel_role_has (worker->role, SATCHEL_TRAIT_HAS_CREDENTIALS);
  guint32 bits =
      (satchel_role_has (worker->role, SATCHEL_TRAIT_HAS_TABLE) ? SATCHEL_IPC_SHARED_CONNECTION_TABLE : 0)
      | (worker->crumbs_fd >= 0 ? SATCHEL_IPC_SHARED_BREADCRUMBS : 0)
      | (is_mail || is_auth ? SATCHEL_IPC_SHARED_DIRECTORY : 0)
      | (worker->counters_fd >= 0 ? SATCHEL_IPC_SHARED_COUNTERS : 0)
      | (is_auth && master->remembered_fd >= 0 ? SATCHEL_IPC_SHARED_REMEMBERED : 0);
  satchel_ipc_put_u32 (message, bits);
  if (bits & SATCHEL_IPC_SHARED_CONNECTION_TABLE)
    satchel_ipc_put_fd (message, master->connection_table_fd);
  if (bits & SATCHEL_IPC_SHARED_BREADCRUMBS)
    satchel_ipc_put_fd (message, worker->crumbs_fd);
  if (bits & SATCHEL_IPC_SHARED_DIRECTORY)
    satchel_ipc_put_fd (message, is_mail ? master->dirs.mail_root_fd : master->dirs.auth_fd);
  if (bits & SATCHEL_IPC_SHARED_COUNTERS)
    satchel_ipc_put_fd (message, worker->counters_fd);
  if (bits & SATCHEL_IPC_SHARED_REMEMBERED)
    satchel_ipc_put_fd (message, master->remembered_fd);
  satchel_worker_send (worker, message);
}

static void
send_suspect (const char *crumb, gpointer data)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_SUSPECT, 0);
  satchel_ipc_put_string (message, crumb);
  satchel_worker_send (data, message);
}

void
satchel_worker_send_listeners (SatchelWorker *worker, const SatchelPlan *plan)
{
  for (guint i = 0; i < plan->listeners->len; i++)
    {
      const SatchelPlanListener *listener = g_ptr_array_index (plan->listeners, i);
      int fd = satchel_sockets_fd (worker->master->sockets, listener);
      if ((listener->roles & worker->role) == 0 || fd < 0)
        continue;
      SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_LISTENER, 0);
      satchel_ipc_put_string (message, listener->name);
      satchel_ipc_put_string (message, listener->protocol);
      satchel_ipc_put_u32 (message, listener->implicit_tls);
      satchel_ipc_put_u32 (message, listener->allow_cleartext);
      satchel_ipc_put_fd (message, fd);
      satchel_worker_send (worker, message);
    }
}

void
satchel_worker_send_setup (SatchelWorker *worker)
{
  const SatchelMaster *master = worker->master;
  const SatchelPlan *plan = satchel_worker_plan (worker, &worker->generation);
  send_ids (worker, plan);
  if (master->log_fd >= 0)
    {
      SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_LOG_FILE, 0);
      satchel_ipc_put_fd (message, master->log_fd);
      satchel_worker_send (worker, message);
    }
  satchel_worker_send_config (worker, plan, worker->generation);
  send_modules (worker, plan);
  send_shared (worker);
  if (worker->suspects != NULL)
    satchel_suspects_foreach (worker->suspects, send_suspect, worker);
  if (satchel_role_has (worker->role, SATCHEL_TRAIT_HAS_TLS))
    {
      SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_TICKET_KEY, 0);
      satchel_ipc_put_bytes (message, master->ticket_key, sizeof master->ticket_key);
      satchel_worker_send (worker, message);
    }
}

void
satchel_worker_start (SatchelWorker *worker)
{
  if (worker->has_started)
    return;
  worker->has_started = TRUE;
  satchel_worker_send (worker, satchel_ipc_message_new (SATCHEL_IPC_START, 0));
}

/* Says whether two processes are linked, by the table of roles. Gates are never linked with each other, nor
 * are helpers. */
static gboolean
are_peers (const SatchelWorker *a, const SatchelWorker *b)
{
  if (a == b || !a->has_hello || !b->has_hello || a->link == NULL || b->link == NULL)
    return FALSE;
  return (satchel_role_row (a->role)->peers & (guint) b->role) != 0;
}

static gpointer
peer_key (SatchelRole role, guint slot)
{
  return GUINT_TO_POINTER ((guint) role << 16 | slot);
}

static void
send_peer (SatchelWorker *to, const SatchelWorker *peer, int fd, guint64 serial)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_PEER, serial);
  satchel_ipc_put_u32 (message, peer->role);
  satchel_ipc_put_u32 (message, peer->slot);
  satchel_ipc_put_string (message, peer->module);
  satchel_ipc_put_fd (message, fd);
  guint64 *known = g_new (guint64, 1);
  *known = serial;
  g_hash_table_insert (to->serials, peer_key (peer->role, peer->slot), known);
  satchel_worker_send (to, message);
}

static void
wire_pair (SatchelWorker *a, SatchelWorker *b)
{
  int pair[2];
  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
    {
      satchel_log (SATCHEL_LOG_ERROR, "server", "no link between processes can be made: %s",
                   g_strerror (errno));
      return;
    }
  guint64 serial = ++a->master->last_serial;
  send_peer (a, b, pair[0], serial);
  send_peer (b, a, pair[1], serial);
  close (pair[0]);
  close (pair[1]);
}

void
satchel_worker_wire (SatchelWorker *worker)
{
  GPtrArray *workers = worker->master->workers;
  for (guint i = 0; i < workers->len; i++)
    {
      SatchelWorker *other = g_ptr_array_index (workers, i);
      if (are_peers (worker, other))
        wire_pair (worker, other);
    }
}

void
satchel_worker_rewire (SatchelWorker *worker, SatchelRole role, guint slot, guint64 broken_serial)
{
  const guint64 *known = g_hash_table_lookup (worker->serials, peer_key (role, slot));
  /* The other end may have reported this first, or a newer link may be on its way. */
  if (known == NULL || *known != broken_serial)
    return;
  GPtrArray *workers = worker->master->workers;
  for (guint i = 0; i < workers->len; i++)
    {
      SatchelWorker *other = g_ptr_array_index (workers, i);
      if (other->role == role && other->slot == slot && are_peers (worker, other))
        wire_pair (worker, other);
    }
}
