/* SPDX-License-Identifier: MIT
 * Directories: owners, rights and the lock of the mail root.
 */
#include "config.h"

#include "core/daemon/dirs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/daemon/read_only.h"
#include "core/runtime/root_lock.h"

/* -1: a problem was noted. */
static int
open_dir (SatchelPlan *plan, const char *what, const char *origin, const char *path, guint mode)
{
  mode_t mask = umask (022);
  int rc = g_mkdir_with_parents (path, (int) mode);
  int saved = errno;
  umask (mask);
  g_autofree char *read_only = satchel_read_only_advice (path);
  if (read_only != NULL)
    {
      satchel_plan_add_problem (plan, FALSE, origin, "%s: %s", what, read_only);
      return -1;
    }
  int fd = rc == 0 ? open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  if (rc == 0)
    saved = errno;
  if (fd < 0)
    satchel_plan_add_problem (plan, FALSE, origin, "%s: %s cannot be made or opened (%s); make it, or name another directory", what, path, g_strerror (saved));
  return fd;
}

static gboolean
is_empty (int fd)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  return dir != NULL && g_dir_read_name (dir) == NULL;
}

/* A directory of one role alone.  A full one of another owner is not taken over silently. */
static gboolean
give (SatchelPlan *plan, const char *what, const char *origin, const char *path, int fd, SatchelPlanIds ids)
{
  struct stat st;
  guint uid = ids.uid != SATCHEL_PLAN_NO_ID ? ids.uid : geteuid ();
  if (fstat (fd, &st) != 0)
    return FALSE;
  gboolean is_other = st.st_uid != uid;
  if (is_other && (geteuid () != 0 || !(is_empty (fd) || st.st_uid == 0)))
    {
      satchel_plan_add_problem (plan, FALSE, origin, "%s: %s belongs to uid %u, but is used by uid %u; run: chown -R %u %s, or set the user in server.*_user",
                                what, path, (guint) st.st_uid, uid, uid, path);
      return FALSE;
    }
  if ((is_other && fchown (fd, uid, ids.gid != SATCHEL_PLAN_NO_ID ? ids.gid : (gid_t) -1) != 0)
      || ((st.st_mode & 077) != 0 && fchmod (fd, 0700) != 0))
    {
      satchel_plan_add_problem (plan, FALSE, origin, "%s: owner or rights of %s cannot be set (%s)", what, path, g_strerror (errno));
      return FALSE;
    }
  return TRUE;
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
  int run = open_dir (plan, "server.run_dir", plan->run_dir_origin, plan->run_dir, 0755);
  int state = open_dir (plan, "server.state_dir", plan->state_dir_origin, plan->state_dir, 0755);
  int auth = state >= 0 ? open_dir (plan, "server.state_dir", plan->state_dir_origin, auth_path, 0700) : -1;
  int mail = open_dir (plan, "server.mail_root", plan->mail_root_origin, plan->mail_root, 0700);
  if (run >= 0)
    close (run);
  if (state >= 0)
    close (state);
  if (auth >= 0)
    give (plan, "server.state_dir", plan->state_dir_origin, auth_path, auth, plan->ids[SATCHEL_PLAN_AUTH]);
  if (mail >= 0)
    give (plan, "server.mail_root", plan->mail_root_origin, plan->mail_root, mail, plan->ids[SATCHEL_PLAN_MAIL]);
  keep_fd (&dirs->auth_fd, auth);
  keep_fd (&dirs->mail_root_fd, mail);
  g_autoptr (GError) error = NULL;
  if (mail >= 0 && dirs->lock_fd < 0)
    dirs->lock_fd = satchel_root_lock (mail, &error);
  if (error != NULL)
    satchel_plan_add_problem (plan, FALSE, plan->mail_root_origin, "server.mail_root: %s: %s", plan->mail_root, error->message);
  return plan->n_errors == before;
}
