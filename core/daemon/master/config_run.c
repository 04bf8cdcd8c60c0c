/* SPDX-License-Identifier: MIT
 * Does one run of the config process for master: starts it, takes its plan, and waits for its end.
 */
#include "config.h"

#include "core/daemon/master/master_private.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/daemon/master/spawn.h"

#define RUN_TIMEOUT_MS 60000

struct SatchelConfigRun
{
  SatchelMaster *master;
  pid_t pid;
  SatchelIpcLink *link;
  SatchelPlan *plan;
  SatchelPlanFunc done;
  SatchelTimer timeout;
  gboolean has_plan;
};

static void
finish_run (SatchelConfigRun *run)
{
  SatchelMaster *master = run->master;
  SatchelPlanFunc done = run->done;
  SatchelPlan *plan = g_steal_pointer (&run->plan);
  plan->is_whole = run->has_plan;
  satchel_timer_cancel (&run->timeout);
  satchel_ipc_link_free (g_steal_pointer (&run->link));
  master->config_run = NULL;
  g_free (run);
  if (plan->is_ok && (plan->mail_root == NULL || plan->image_fd < 0))
    {
      plan->is_ok = FALSE;
      satchel_plan_add_problem (plan, FALSE, "",
                                "the process that reads the configuration gave an incomplete answer; this is "
                                "a bug, please report it");
    }
  done (master, plan);
}

static gboolean
run_message (SatchelIpcLink *link, SatchelIpcMessage *message, gpointer data)
{
  SatchelConfigRun *run = data;
  if (message->type == SATCHEL_IPC_HELLO)
    {
      /* The config process may be of another build; its plan is then for the upgraded server. */
      run->plan->is_other_build = strcmp (satchel_ipc_get_string (message), run->master->build_id) != 0;
      return TRUE;
    }
  if (run->has_plan)
    return FALSE;
  switch (satchel_plan_take (run->plan, message))
    {
    case SATCHEL_PLAN_BAD:
      return FALSE;
    case SATCHEL_PLAN_MORE:
      return TRUE;
    case SATCHEL_PLAN_DONE:
      run->has_plan = TRUE;
      return TRUE;
    }
  return FALSE;
}

static void
run_closed (SatchelIpcLink *link, gpointer data)
{
  SatchelConfigRun *run = data;
  satchel_ipc_link_free (g_steal_pointer (&run->link));
  /* The plan was refused or is complete; either way the process only has to end. */
  if (!run->has_plan && run->pid > 0)
    kill (run->pid, SIGKILL);
}

static void
run_timeout (SatchelTimer *timer, gpointer data)
{
  SatchelConfigRun *run = data;
  if (run->pid > 0)
    kill (run->pid, SIGKILL);
}

static void
send_setup (SatchelConfigRun *run)
{
  SatchelMaster *master = run->master;
  const SatchelPlan *plan = master->plan;
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_SETUP, 0);
  satchel_ipc_put_u32 (message, plan != NULL ? plan->ids[SATCHEL_PLAN_CONFIG].uid : SATCHEL_PLAN_NO_ID);
  satchel_ipc_put_u32 (message, plan != NULL ? plan->ids[SATCHEL_PLAN_CONFIG].gid : SATCHEL_PLAN_NO_ID);
  satchel_ipc_put_u32 (message, SATCHEL_PLAN_NO_ID);
  satchel_ipc_put_u32 (message, SATCHEL_SANDBOX_BEST_EFFORT);
  satchel_ipc_put_u32 (message, geteuid ());
  satchel_ipc_put_u32 (message, 0);
  satchel_ipc_send (run->link, message);
  if (plan != NULL)
    {
      message = satchel_ipc_message_new (SATCHEL_IPC_CONFIG, 0);
      satchel_ipc_put_u64 (message, master->generation);
      satchel_ipc_put_fd (message, plan->image_fd);
      satchel_ipc_send (run->link, message);
    }
  satchel_ipc_send (run->link, satchel_ipc_message_new (SATCHEL_IPC_START, 0));
}

gboolean
satchel_config_run_start (SatchelMaster *master, SatchelPlanFunc done, GError **error)
{
  int fd;
  pid_t pid = satchel_spawn (master->options, SATCHEL_ROLE_CONFIG, 0, &fd, error);
  if (pid < 0)
    return FALSE;
  SatchelConfigRun *run = g_new0 (SatchelConfigRun, 1);
  run->master = master;
  run->pid = pid;
  run->done = done;
  run->plan = satchel_plan_new ();
  run->link = satchel_ipc_link_new (fd, run_message, run_closed, run);
  master->config_run = run;
  satchel_timer_arm (&run->timeout, RUN_TIMEOUT_MS, run_timeout, run);
  send_setup (run);
  return TRUE;
}

gboolean
satchel_config_run_ended (SatchelMaster *master, pid_t pid, int status)
{
  SatchelConfigRun *run = master->config_run;
  if (run == NULL || run->pid != pid)
    return FALSE;
  run->pid = 0;
  /* The socket may still have its last messages. */
  if (run->link != NULL)
    satchel_ipc_link_drain (run->link);
  if (!run->has_plan)
    {
      run->plan->is_ok = FALSE;
      if (WIFSIGNALED (status))
        satchel_plan_add_problem (run->plan, FALSE, "",
                                  "the process that reads the configuration died of signal %d (%s)",
                                  WTERMSIG (status), g_strsignal (WTERMSIG (status)));
      else if (WIFEXITED (status) && WEXITSTATUS (status) == 127)
        satchel_plan_add_problem (run->plan, FALSE, "", "%s cannot be executed; install the server anew",
                                  master->options->program);
      else
        satchel_plan_add_problem (run->plan, FALSE, "",
                                  "the process that reads the configuration ended with status %d",
                                  WIFEXITED (status) ? WEXITSTATUS (status) : -1);
    }
  finish_run (run);
  return TRUE;
}

void
satchel_config_run_cancel (SatchelMaster *master)
{
  SatchelConfigRun *run = master->config_run;
  if (run == NULL)
    return;
  if (run->pid > 0)
    kill (run->pid, SIGKILL);
  satchel_timer_cancel (&run->timeout);
  satchel_ipc_link_free (run->link);
  satchel_plan_free (run->plan);
  g_free (run);
  master->config_run = NULL;
}
