/* SPDX-License-Identifier: MIT
 * This file handles master's children: starts them, takes their messages, notes their deaths, starts them
 * again.
 */
#include "config.h"

#include "core/base/exit.h"
#include "core/daemon/master/master_private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/daemon/master/spawn.h"
#include "core/runtime/process/process.h"

#define QUICK_MS 10000 /* a process that dies younger counts towards the backoff */
/* the wait before a restart of a process that was at work before it died: users who are not to blame wait as
 * well */
#define RESTART_MS 200
/* the longest wait, for a process that dies before it is ready each time */
#define BACKOFF_MAX_MS 2000

SATCHEL_COUNTER (restarts, "satchel_restarts_total",
                 "Processes that ended without being told to, and were started again", "role");

/* Makes zeroed memory that master and the process share. NULL, with *ret_fd -1: it could not be had. */
static gpointer
make_shared (const char *what, gsize len, int *ret_fd)
{
  g_autofree char *name = g_strconcat ("satchel-", what, NULL);
  int fd = memfd_create (name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd >= 0 && ftruncate (fd, (off_t) len) == 0
      && fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
    {
      gpointer area = mmap (NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      if (area != MAP_FAILED)
        {
          *ret_fd = fd;
          return area;
        }
    }
  satchel_log (SATCHEL_LOG_WARNING, "server", "memory shared with processes cannot be had for %s: %s", what,
               g_strerror (errno));
  if (fd >= 0)
    close (fd);
  *ret_fd = -1;
  return NULL;
}

SatchelWorker *
satchel_worker_new (SatchelMaster *master, SatchelRole role, guint slot, const char *module)
{
  SatchelWorker *worker = g_new0 (SatchelWorker, 1);
  worker->master = master;
  worker->role = role;
  worker->slot = slot;
  worker->module = g_strdup (module);
  worker->name = *module != '\0' ? g_strdup_printf ("%s %s", satchel_role_name (role), module)
                                 : g_strdup_printf ("%s[%u]", satchel_role_name (role), slot);
  worker->serials = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  worker->crumbs =
      make_shared ("breadcrumbs", SATCHEL_BREADCRUMBS * sizeof (SatchelBreadcrumb), &worker->crumbs_fd);
  worker->counters = make_shared ("counters", sizeof (SatchelCounterLane), &worker->counters_fd);
  if (satchel_role_has (role, SATCHEL_TRAIT_HAS_SUSPECTS))
    worker->suspects = satchel_suspects_new ();
  g_ptr_array_add (master->workers, worker);
  return worker;
}

void
satchel_worker_free (SatchelWorker *worker)
{
  satchel_timer_cancel (&worker->restart);
  satchel_hangs_forget (worker);
  g_free (worker->last_crash);
  g_free (worker->module);
  g_free (worker->name);
  satchel_ipc_link_free (worker->link);
  g_hash_table_unref (worker->serials);
  if (worker->crumbs != NULL)
    munmap (worker->crumbs, SATCHEL_BREADCRUMBS * sizeof (SatchelBreadcrumb));
  if (worker->crumbs_fd >= 0)
    close (worker->crumbs_fd);
  if (worker->counters != NULL)
    {
      satchel_counter_totals_add (worker->master->past_counters, worker->counters, TRUE);
      munmap (worker->counters, sizeof (SatchelCounterLane));
      close (worker->counters_fd);
    }
  satchel_suspects_free (worker->suspects);
  g_free (worker->failure);
  g_free (worker);
}

/* Starts the process, or holds it: at the first start no process serves before all are there, so that the
 * first client meets a whole server. */
static void
start_or_hold (SatchelWorker *worker)
{
  SatchelMaster *master = worker->master;
  if (master->state != SATCHEL_MASTER_STARTING)
    {
      satchel_worker_start (worker);
      return;
    }
  for (guint i = 0; i < master->workers->len; i++)
    if (!((SatchelWorker *) g_ptr_array_index (master->workers, i))->has_hello)
      return;
  for (guint i = 0; i < master->workers->len; i++)
    satchel_worker_start (g_ptr_array_index (master->workers, i));
}

static gboolean
take_hello (SatchelWorker *worker, SatchelIpcMessage *message)
{
  SatchelMaster *master = worker->master;
  const char *build = satchel_ipc_get_string (message);
  guint32 role = satchel_ipc_get_u32 (message), slot = satchel_ipc_get_u32 (message);
  if (!satchel_ipc_message_is_done (message) || worker->has_hello || role != (guint32) worker->role
      || slot != worker->slot)
    return FALSE;
  if (strcmp (build, master->build_id) != 0)
    {
      worker->is_other_build = TRUE;
      return satchel_upgrade_consider (master);
    }
  worker->has_hello = TRUE;
  satchel_worker_send_setup (worker);
  if (!worker->is_next)
    satchel_worker_send_listeners (worker, master->plan);
  satchel_worker_wire (worker);
  start_or_hold (worker);
  return TRUE;
}

static gboolean
take_ready (SatchelWorker *worker, SatchelIpcMessage *message)
{
  if (!satchel_ipc_message_is_done (message) || !worker->has_started || worker->is_ready)
    return FALSE;
  guint64 generation;
  (void) satchel_worker_plan (worker, &generation);
  if (worker->generation != generation)
    {
      /* The process was starting while a reload was carried out, so master did not ask it to take part. */
      satchel_log (SATCHEL_LOG_INFO, "server",
                   "%s still has the settings of before the reload: it starts again", worker->name);
      worker->n_quick = 0;
      kill (worker->pid, SIGKILL);
      return TRUE;
    }
  worker->is_ready = TRUE;
  satchel_log (worker->n_restarts > 0 ? SATCHEL_LOG_INFO : SATCHEL_LOG_DEBUG, "server", "%s ready: pid=%d",
               worker->name, (int) worker->pid);
  if (worker->master->state == SATCHEL_MASTER_STARTING && satchel_master_is_all_ready (worker->master))
    worker->master->events->all_ready (worker->master);
  else if (worker->master->state == SATCHEL_MASTER_RUNNING)
    worker->master->events->worker_ready (worker);
  return TRUE;
}

static gboolean
take_failure (SatchelWorker *worker, SatchelIpcMessage *message)
{
  const char *why = satchel_ipc_get_string (message);
  if (!satchel_ipc_message_is_done (message))
    return FALSE;
  g_free (worker->failure);
  worker->failure = g_strdup (why);
  return TRUE;
}

/* Takes a report of a bad helper. The processes that call a helper check its answers; a helper that fails
 * that check has been taken over, or is broken. */
static gboolean
bad_peer (SatchelWorker *worker, SatchelIpcMessage *message)
{
  guint32 role = satchel_ipc_get_u32 (message), slot = satchel_ipc_get_u32 (message);
  if (!satchel_ipc_message_is_done (message) || !satchel_role_has (worker->role, SATCHEL_TRAIT_JUDGES)
      || !satchel_role_has ((SatchelRole) role, SATCHEL_TRAIT_ONE_MODULE))
    return FALSE;
  GPtrArray *workers = worker->master->workers;
  for (guint i = 0; i < workers->len; i++)
    {
      const SatchelWorker *bad = g_ptr_array_index (workers, i);
      if (bad->role != (SatchelRole) role || bad->slot != slot || bad->is_stopping)
        continue;
      /* The process may have died of what it did, and the next one has done nothing. */
      gboolean is_there = bad->pid > 0 && message->session_id > bad->last_serial_before;
      satchel_log (SATCHEL_LOG_ERROR, "server", "%s sent malformed messages to %s: %s", bad->name,
                   worker->name, is_there ? "it is ended and started again" : "it has ended meanwhile");
      if (is_there)
        kill (bad->pid, SIGKILL);
    }
  return TRUE;
}

static gboolean
take_pong (SatchelWorker *worker, SatchelIpcMessage *message)
{
  guint64 number = satchel_ipc_get_u64 (message);
  if (!satchel_ipc_message_is_done (message))
    return FALSE;
  satchel_hangs_answered (worker, number);
  return TRUE;
}

/* Takes STOPPED, after which the process ends by itself. */
static gboolean
take_stopped (SatchelWorker *worker, SatchelIpcMessage *message)
{
  return satchel_ipc_message_is_done (message);
}

static gboolean
sync_peer (SatchelWorker *worker, SatchelIpcMessage *message)
{
  guint32 role = satchel_ipc_get_u32 (message), slot = satchel_ipc_get_u32 (message);
  if (!satchel_ipc_message_is_done (message) || slot >= SATCHEL_SLOTS_MAX)
    return FALSE;
  satchel_worker_rewire (worker, (SatchelRole) role, slot, message->session_id);
  return TRUE;
}

static gboolean
take_reloaded (SatchelWorker *worker, SatchelIpcMessage *message)
{
  guint64 attempt = satchel_ipc_get_u64 (message);
  gboolean ok = satchel_ipc_get_u32 (message) != 0;
  const char *text = satchel_ipc_get_string (message);
  if (!satchel_ipc_message_is_done (message))
    return FALSE;
  worker->master->events->worker_reloaded (worker, attempt, ok, text);
  return TRUE;
}

static gboolean
take_reply (SatchelWorker *worker, SatchelIpcMessage *message)
{
  worker->master->events->worker_replied (worker, message);
  return !message->failed;
}

static const struct
{
  SatchelIpcType type;
  gboolean needs_hello;
  /* FALSE means that the message is malformed, or out of place. */
  gboolean (*take) (SatchelWorker *worker, SatchelIpcMessage *message);
} messages[] = {
  { SATCHEL_IPC_HELLO, FALSE, take_hello },      { SATCHEL_IPC_FAILED, FALSE, take_failure },
  { SATCHEL_IPC_READY, TRUE, take_ready },       { SATCHEL_IPC_PONG, TRUE, take_pong },
  { SATCHEL_IPC_BAD_PEER, TRUE, bad_peer },      { SATCHEL_IPC_STOPPED, TRUE, take_stopped },
  { SATCHEL_IPC_SYNC_PEER, TRUE, sync_peer },    { SATCHEL_IPC_RELOADED, TRUE, take_reloaded },
  { SATCHEL_IPC_ADMIN_REPLY, TRUE, take_reply },
};

static gboolean
worker_message (SatchelIpcLink *link, SatchelIpcMessage *message, gpointer data)
{
  SatchelWorker *worker = data;
  for (guint i = 0; i < G_N_ELEMENTS (messages); i++)
    if (messages[i].type == message->type)
      return (worker->has_hello || !messages[i].needs_hello) && messages[i].take (worker, message);
  return FALSE;
}

static void
worker_closed (SatchelIpcLink *link, gpointer data)
{
  SatchelWorker *worker = data;
  satchel_ipc_link_free (g_steal_pointer (&worker->link));
  /* A process that broke the rules of its link is ended. One that is ending already is left alone, since it
   * may still be cleaning up. */
  if (worker->pid > 0 && !worker->is_stopping && !worker->is_retiring)
    kill (worker->pid, SIGKILL);
}

static void
restart_due (SatchelTimer *timer, gpointer data)
{
  satchel_worker_spawn (data);
}

/* Starts a process again: at once the first time, after a short while if it died young again, and after more
 * and more if it does not even get ready. One that a reload waits for is not tried again: the reload is
 * refused. */
static void
restart_later (SatchelWorker *worker, gboolean was_ready)
{
  if (worker->is_next)
    return;
  guint shift = MIN (worker->n_quick, 10u);
  gint64 delay_ms = worker->n_quick <= 1 ? 0
                    : was_ready          ? RESTART_MS
                                         : MIN (BACKOFF_MAX_MS, (gint64) RESTART_MS << (shift - 2));
  worker->n_restarts++;
  satchel_counter_add (&restarts, 1, satchel_role_name (worker->role));
  if (delay_ms == 0)
    {
      satchel_worker_spawn (worker);
      return;
    }
  satchel_log (SATCHEL_LOG_WARNING, "server",
               "%s starts again in %d ms: it died %u times in a short time, the last time at:%s",
               worker->name, (int) delay_ms, worker->n_quick,
               worker->last_crash != NULL ? worker->last_crash : " work that it did not name");
  satchel_timer_arm (&worker->restart, delay_ms, restart_due, worker);
}

void
satchel_worker_spawn (SatchelWorker *worker)
{
  g_autoptr (GError) error = NULL;
  int fd = -1;
  if (worker->crumbs != NULL)
    memset (worker->crumbs, 0, SATCHEL_BREADCRUMBS * sizeof (SatchelBreadcrumb));
  satchel_hangs_spawned (worker);
  worker->was_hung = FALSE;
  g_clear_pointer (&worker->failure, g_free);
  worker->has_hello = worker->has_started = worker->is_ready = worker->is_preparing = worker->is_other_build =
      FALSE;
  g_hash_table_remove_all (worker->serials);
  worker->last_serial_before = worker->master->last_serial;
  worker->started_ms = g_get_monotonic_time () / 1000;
  worker->pid = satchel_spawn (worker->master->options, worker->role, worker->slot, &fd, &error);
  if (worker->pid > 0)
    {
      worker->link = satchel_ipc_link_new (fd, worker_message, worker_closed, worker);
      return;
    }
  worker->pid = 0;
  satchel_log (SATCHEL_LOG_ERROR, "server", "%s cannot be started: %s", worker->name, error->message);
  worker->n_quick = MAX (worker->n_quick + 1, 2u);
  restart_later (worker, FALSE);
}

/* Logs what the process worked on. A process that crashed has marked the thread that did it; otherwise any
 * busy thread may be the cause. */
static void
log_crumbs (SatchelWorker *worker)
{
  guint n_told = 0;
  g_clear_pointer (&worker->last_crash, g_free);
  for (guint pass = 0; worker->crumbs != NULL && pass < 2 && n_told == 0; pass++)
    for (guint i = 0; i < SATCHEL_BREADCRUMBS && n_told < 16; i++)
      {
        const SatchelBreadcrumb *crumb = &worker->crumbs[i];
        if (pass == 0 ? !crumb->is_culprit : !crumb->is_busy)
          continue;
        g_autofree char *text = satchel_crumb_text (crumb);
        if (*text == '\0')
          continue;
        satchel_log (SATCHEL_LOG_ERROR, "server", "%s was busy with:%s", worker->name, text);
        if (n_told++ == 0)
          worker->last_crash = g_steal_pointer (&text);
      }
}

static void
log_end (SatchelWorker *worker, int status)
{
  const char *name = worker->name;
  if (WIFEXITED (status) && WEXITSTATUS (status) == SATCHEL_EXIT_CANNOT_GO_ON)
    {
      /* The process gave the reason itself, and no message is to blame. */
      satchel_log (SATCHEL_LOG_ERROR, "server", "%s cannot go on: pid=%d why=\"%s\"", name, (int) worker->pid,
                   worker->failure != NULL ? worker->failure : "");
      GString *why = g_string_new (NULL);
      satchel_log_field (why, "why", worker->failure != NULL ? worker->failure : "");
      g_free (worker->last_crash);
      worker->last_crash = g_string_free (why, FALSE);
      return;
    }
  if (WIFSIGNALED (status))
    satchel_log (SATCHEL_LOG_ERROR, "server", "%s died: pid=%d signal=%d (%s)", name, (int) worker->pid,
                 WTERMSIG (status),
                 WTERMSIG (status) == SIGSYS ? "a system call that its sandbox forbids"
                                             : g_strsignal (WTERMSIG (status)));
  else
    satchel_log (WEXITSTATUS (status) == 0 ? SATCHEL_LOG_INFO : SATCHEL_LOG_ERROR, "server",
                 "%s ended: pid=%d status=%d", name, (int) worker->pid, WEXITSTATUS (status));
  log_crumbs (worker);
}

static void
note_suspects (SatchelWorker *worker, int signal_number)
{
  guint n =
      satchel_suspects_note_death (worker->suspects, signal_number, worker->crumbs, SATCHEL_BREADCRUMBS);
  if (n > 0)
    satchel_log (
        SATCHEL_LOG_ERROR, "server",
        "%s crashed again at the same work, which is set aside (a message is stored and shown "
        "unparsed, or skips the module that crashed; a user is not served for a minute; a listener is "
        "not called for that user until the server is restarted):%s",
        worker->name, worker->last_crash != NULL ? worker->last_crash : "");
}

void
satchel_worker_ended (SatchelWorker *worker, int status)
{
  SatchelMaster *master = worker->master;
  if (worker->link != NULL)
    satchel_ipc_link_drain (worker->link);
  gboolean is_expected = worker->is_stopping || worker->is_retiring;
  gboolean was_next = worker->is_next;
  if (!is_expected || (WIFSIGNALED (status) && !worker->is_next))
    log_end (worker, status);
  if ((worker->was_hung || WIFSIGNALED (status)) && worker->suspects != NULL && worker->crumbs != NULL)
    note_suspects (worker, worker->was_hung ? SIGABRT : WTERMSIG (status));
  satchel_ipc_link_free (g_steal_pointer (&worker->link));
  gint64 age_ms = g_get_monotonic_time () / 1000 - worker->started_ms;
  gboolean was_ready = worker->is_ready;
  worker->pid = 0;
  worker->has_hello = worker->is_ready = FALSE;
  master->events->worker_died (worker);
  if (worker->is_retiring && !worker->is_stopping)
    satchel_log (SATCHEL_LOG_INFO, "server", "%s has ended with its last session", worker->name);
  if (master->state == SATCHEL_MASTER_STOPPING || master->state == SATCHEL_MASTER_UPGRADING)
    {
      satchel_stop_step (master);
      return;
    }
  if (worker->is_retiring || was_next)
    {
      g_ptr_array_remove (master->workers, worker);
      return;
    }
  if (master->state == SATCHEL_MASTER_STARTING)
    {
      master->events->start_failed (worker);
      return;
    }
  worker->n_quick = was_ready && age_ms >= QUICK_MS ? 1 : worker->n_quick + 1;
  restart_later (worker, was_ready);
}
