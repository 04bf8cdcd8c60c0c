/* SPDX-License-Identifier: MIT
 * Makes directories and gives them to their owners, and takes the lock of the mail root.
 */
#include "config.h"

#include "core/daemon/master/dirs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/daemon/master/read_only.h"
#include "core/runtime/process/root_lock.h"

/* Makes and opens a directory. -1: a problem was noted. */
static int
open_dir (SatchelPlan *plan, const SatchelDirWanted *wanted)
{
  mode_t mask = umask (022);
  int rc = g_mkdir_with_parents (wanted->path, wanted->ids.uid != SATCHEL_PLAN_NO_ID ? 0700 : 0755);
  int saved = errno;
  umask (mask);
  g_autofree char *read_only = satchel_read_only_advice (wanted->path);
  if (read_only != NULL)
    {
      satchel_plan_add_problem_of (plan, FALSE, wanted->origin, wanted->key, "%s: %s", wanted->key,
                                   read_only);
      return -1;
    }
  int fd = rc == 0 ? open (wanted->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  if (rc == 0)
    saved = errno;
  if (fd < 0)
    satchel_plan_add_problem_of (plan, FALSE, wanted->origin, wanted->key,
                                 "%s: %s cannot be made or opened (%s); make it, or name another directory",
                                 wanted->key, wanted->path, g_strerror (saved));
  return fd;
}

/* Gives a directory to its role. One that existed and is not the role's is never taken. */
static void
give_to_role (SatchelPlan *plan, const SatchelDirWanted *wanted, int fd)
{
  if (satchel_dir_judge (plan, wanted, fd) != SATCHEL_DIR_TAKE)
    return;
  gid_t gid = wanted->ids.gid != SATCHEL_PLAN_NO_ID ? wanted->ids.gid : (gid_t) -1;
  if (fchown (fd, wanted->ids.uid, gid) != 0 || fchmod (fd, 0700) != 0)
    satchel_plan_add_problem_of (plan, FALSE, wanted->origin, wanted->key,
                                 "%s: owner or rights of %s cannot be set (%s); run: chown %u %s",
                                 wanted->key, wanted->path, g_strerror (errno), wanted->ids.uid,
                                 wanted->path);
}

static void
keep_fd (int *place, int fd)
{
  if (*place >= 0)
    close (*place);
  *place = fd;
}

gboolean
satchel_dirs_prepare (SatchelDirs *dirs, SatchelPlan *plan)
{
  guint before = plan->n_errors;
  g_autofree char *auth_path = g_build_filename (plan->state_dir, "auth", NULL);
  SatchelDirWanted wanted[SATCHEL_DIR_N];
  satchel_dirs_wanted (plan, auth_path, wanted);
  int fds[SATCHEL_DIR_N];
  for (guint i = 0; i < SATCHEL_DIR_N; i++)
    {
      fds[i] = i == SATCHEL_DIR_AUTH && fds[SATCHEL_DIR_STATE] < 0 ? -1 : open_dir (plan, &wanted[i]);
      if (fds[i] >= 0)
        give_to_role (plan, &wanted[i], fds[i]);
    }
  keep_fd (&fds[SATCHEL_DIR_RUN], -1);
  keep_fd (&fds[SATCHEL_DIR_STATE], -1);
  keep_fd (&dirs->auth_fd, fds[SATCHEL_DIR_AUTH]);
  keep_fd (&dirs->mail_root_fd, fds[SATCHEL_DIR_MAIL]);
  if (plan->n_errors != before)
    return FALSE;
  g_autoptr (GError) error = NULL;
  if (dirs->lock_fd < 0)
    dirs->lock_fd = satchel_root_lock (dirs->mail_root_fd, &error);
  if (error != NULL)
    satchel_plan_add_problem_of (plan, FALSE, plan->mail_root_origin, "server.mail_root",
                                 "server.mail_root: %s: %s", plan->mail_root, error->message);
  return plan->n_errors == before;
}
