/* SPDX-License-Identifier: MIT
 * Opens the log file for master, which gives it to every process.
 */
#include "config.h"

#include "core/daemon/master/master_private.h"

#include <fcntl.h>
#include <unistd.h>

#include "core/base/fd.h"
#include "core/daemon/master/read_only.h"
#include "core/runtime/log/log_private.h"

int
satchel_plan_open_log (SatchelPlan *plan)
{
  g_autoptr (GError) error = NULL;
  int fd = satchel_log_open_file (plan->log_file, &error);
  if (fd < 0)
    {
      g_autofree char *dir = g_path_get_dirname (plan->log_file), *read_only = satchel_read_only_advice (dir);
      if (read_only != NULL)
        satchel_plan_add_problem_of (plan, FALSE, plan->log_file_origin, "log.file", "log.file: %s",
                                     read_only);
      else
        satchel_plan_add_problem_of (plan, FALSE, plan->log_file_origin, "log.file",
                                     "log.file: %s; make its directory, or name another file",
                                     error->message);
    }
  return fd;
}

static void
use_log (SatchelMaster *master, int fd)
{
  satchel_fd_clear (&master->log_fd);
  master->log_fd = fd;
  satchel_log_reopen (fcntl (fd, F_DUPFD_CLOEXEC, 3));
}

gboolean
satchel_master_open_log (SatchelMaster *master, SatchelPlan *plan)
{
  if (*plan->log_file == '\0')
    return TRUE;
  int fd = satchel_plan_open_log (plan);
  if (fd >= 0)
    use_log (master, fd);
  return fd >= 0;
}

static void
send_log (SatchelMaster *master)
{
  for (guint i = 0; i < master->workers->len; i++)
    {
      SatchelWorker *worker = g_ptr_array_index (master->workers, i);
      if (!worker->has_hello)
        continue;
      SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_LOG_FILE, 0);
      satchel_ipc_put_fd (message, master->log_fd);
      satchel_worker_send (worker, message);
    }
}

void
satchel_master_take_log (SatchelMaster *master, int fd)
{
  use_log (master, fd);
  send_log (master);
}

gboolean
satchel_reopen_log (SatchelMaster *master, GError **error)
{
  g_autoptr (SatchelPlan) scratch = satchel_plan_new ();
  if (master->plan == NULL || *master->plan->log_file == '\0')
    return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT,
                              "log.file is not set, so there is no log file to open again");
  scratch->log_file = g_strdup (master->plan->log_file);
  if (!satchel_master_open_log (master, scratch))
    return satchel_error_set (
        error, SATCHEL_ERROR_IO, "%s",
        ((const SatchelConfigProblem *) g_ptr_array_index (scratch->problems, 0))->text);
  send_log (master);
  return TRUE;
}
