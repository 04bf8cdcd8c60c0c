/* SPDX-License-Identifier: MIT
 * Looks at directories before anything is changed: who owns them, what is in them, who else could change
 * them. `config check` and the start of the server share this judgement.
 */
#include "config.h"

#include "core/base/fd.h"
#include "core/daemon/master/dirs.h"
#include "core/daemon/master/read_only.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Directories of the system, which are refused even if they are empty, since programs and users rely on
 * their owners (hier(7)). */
static const char *const system_dirs[] = { "/",
                                           "/bin",
                                           "/boot",
                                           "/dev",
                                           "/etc",
                                           "/home",
                                           "/lib",
                                           "/lib64",
                                           "/media",
                                           "/mnt",
                                           "/opt",
                                           "/proc",
                                           "/root",
                                           "/run",
                                           "/sbin",
                                           "/srv",
                                           "/sys",
                                           "/tmp",
                                           "/usr",
                                           "/usr/local",
                                           "/var",
                                           "/var/cache",
                                           "/var/lib",
                                           "/var/local",
                                           "/var/log",
                                           "/var/mail",
                                           "/var/opt",
                                           "/var/spool",
                                           "/var/spool/mail",
                                           "/var/tmp",
                                           NULL };

void
satchel_dirs_wanted (const SatchelPlan *plan, const char *auth_path, SatchelDirWanted wanted[SATCHEL_DIR_N])
{
  static const SatchelPlanIds any = { SATCHEL_PLAN_NO_ID, SATCHEL_PLAN_NO_ID };
  SatchelPlanIds self = { geteuid (), getegid () };
  const SatchelPlanIds *auth = &plan->ids[SATCHEL_PLAN_AUTH], *mail = &plan->ids[SATCHEL_PLAN_MAIL];
  wanted[SATCHEL_DIR_RUN] =
      (SatchelDirWanted) { "server.run_dir", plan->run_dir_origin, plan->run_dir, NULL, any, 0, 0 };
  wanted[SATCHEL_DIR_STATE] =
      (SatchelDirWanted) { "server.state_dir", plan->state_dir_origin, plan->state_dir, NULL, any, 0, 0 };
  /* Whoever can write in the directory of the password file can replace the file. */
  wanted[SATCHEL_DIR_AUTH] = (SatchelDirWanted) { "server.state_dir",
                                                  plan->state_dir_origin,
                                                  auth_path,
                                                  plan->state_dir,
                                                  auth->uid != SATCHEL_PLAN_NO_ID ? *auth : self,
                                                  022,
                                                  055 };
  wanted[SATCHEL_DIR_MAIL] = (SatchelDirWanted) { "server.mail_root",
                                                  plan->mail_root_origin,
                                                  plan->mail_root,
                                                  plan->mail_root,
                                                  mail->uid != SATCHEL_PLAN_NO_ID ? *mail : self,
                                                  002,
                                                  0 };
}

/* Says whether the directory is empty; lost+found does not count, since every new file system has it. */
static gboolean
is_empty (int fd)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;
  if (dir == NULL)
    return FALSE;
  while ((name = g_dir_read_name (dir)) != NULL)
    if (strcmp (name, "lost+found") != 0)
      return FALSE;
  return TRUE;
}

static gboolean
is_of_system (const struct stat *st)
{
  struct stat other;
  for (guint i = 0; system_dirs[i] != NULL; i++)
    if (stat (system_dirs[i], &other) == 0 && other.st_dev == st->st_dev && other.st_ino == st->st_ino)
      return TRUE;
  return FALSE;
}

/* Reports the directory with two ways to mend it, ready to be typed. */
static void
refuse_directory (SatchelPlan *plan, const SatchelDirWanted *wanted, const struct stat *st, const char *why,
                  gboolean is_system)
{
  const char *name = strchr (wanted->key, '.') + 1;
  gboolean is_plain =
      strspn (wanted->path, "/-_.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
      == strlen (wanted->path);
  g_autofree char *own = g_build_filename (wanted->instead, "satchel", NULL),
                  *quoted = is_plain ? g_strdup (wanted->path) : g_shell_quote (wanted->path);
  g_autofree char *other_way =
      is_system ? g_strdup_printf ("remove the setting: the default is a directory of its own")
                : g_strdup_printf ("if all that lies there is Satchel's from now on, run: chown -R %u:%u %s",
                                   wanted->ids.uid,
                                   wanted->ids.gid != SATCHEL_PLAN_NO_ID ? wanted->ids.gid : wanted->ids.uid,
                                   quoted);
  satchel_plan_add_problem_of (plan, FALSE, wanted->origin, wanted->key,
                               "%s: %s belongs to uid %u, is used by uid %u and %s: it is left as it is.  "
                               "Name a directory of its own, which the server makes: "
                               "server = { %s = \"%s\"; };  Or %s",
                               wanted->key, wanted->path, (guint) st->st_uid, wanted->ids.uid, why, name, own,
                               other_way);
}

static void
judge_mode (SatchelPlan *plan, const SatchelDirWanted *wanted, const struct stat *st)
{
  guint bad = st->st_mode & wanted->bad_mode, odd = st->st_mode & wanted->odd_mode;
  if (bad != 0)
    satchel_plan_add_problem_of (plan, FALSE, wanted->origin, wanted->key,
                                 "%s: %s can be written by others (mode %04o); run: chmod %s %s", wanted->key,
                                 wanted->path, st->st_mode & 07777, bad & 020 ? "go-w" : "o-w", wanted->path);
  else if (odd != 0)
    satchel_plan_add_problem_of (plan, TRUE, wanted->origin, wanted->key,
                                 "%s: others can look into %s (mode %04o); run: chmod go-rwx %s", wanted->key,
                                 wanted->path, st->st_mode & 07777, wanted->path);
}

SatchelDirVerdict
satchel_dir_judge (SatchelPlan *plan, const SatchelDirWanted *wanted, int fd)
{
  struct stat st;
  guint before = plan->n_errors;
  if (wanted->ids.uid == SATCHEL_PLAN_NO_ID || fstat (fd, &st) != 0)
    return SATCHEL_DIR_AS_IS;
  if (st.st_uid == wanted->ids.uid)
    {
      judge_mode (plan, wanted, &st);
      return plan->n_errors == before ? SATCHEL_DIR_AS_IS : SATCHEL_DIR_REFUSED;
    }
  gboolean is_system = is_of_system (&st);
  if (is_system)
    refuse_directory (plan, wanted, &st, "is a directory of the system", TRUE);
  else if (!is_empty (fd))
    refuse_directory (plan, wanted, &st, "is not empty", FALSE);
  else if (geteuid () != 0 || st.st_uid != 0)
    refuse_directory (plan, wanted, &st, "is not root's to give", FALSE);
  else if ((st.st_mode & 022) != 0)
    refuse_directory (plan, wanted, &st, "can be written by others", FALSE);
  return plan->n_errors == before ? SATCHEL_DIR_TAKE : SATCHEL_DIR_REFUSED;
}

/* Checks whether a missing directory can be made at the start. The nearest existing directory above it
 * decides. */
static void
check_missing (SatchelPlan *plan, const SatchelDirWanted *wanted)
{
  g_autofree char *at = g_strdup (wanted->path);
  struct stat st;
  while (stat (at, &st) != 0 && errno == ENOENT && strcmp (at, "/") != 0)
    {
      char *above = g_path_get_dirname (at);
      g_free (at);
      at = above;
    }
  int errnum = access (at, W_OK | X_OK) == 0 ? 0 : errno;
  if (errnum == 0 && !S_ISDIR (st.st_mode))
    errnum = ENOTDIR;
  if (errnum != 0)
    satchel_plan_add_problem_of (plan, FALSE, wanted->origin, wanted->key,
                                 "%s: %s cannot be made in %s (%s); make it, or name another directory",
                                 wanted->key, wanted->path, at, g_strerror (errnum));
}

/* Warns of directories above in which others may write, since they could replace this directory. */
static void
check_above (SatchelPlan *plan, const SatchelDirWanted *wanted, GPtrArray *told)
{
  char *real = realpath (wanted->path, NULL);
  g_autofree char *at = g_strdup (real != NULL ? real : wanted->path);
  free (real);
  guint uid = wanted->ids.uid != SATCHEL_PLAN_NO_ID ? wanted->ids.uid : 0;
  while (strcmp (at, "/") != 0)
    {
      char *above = g_path_get_dirname (at);
      struct stat st;
      g_free (at);
      at = above;
      if (stat (at, &st) != 0 || g_ptr_array_find_with_equal_func (told, at, g_str_equal, NULL))
        continue;
      gboolean is_shared =
          (st.st_mode & S_ISVTX) == 0
          && ((st.st_mode & 002) != 0
              || ((st.st_mode & 020) != 0 && st.st_gid != 0 && st.st_gid != wanted->ids.gid));
      if (st.st_uid == 0 || st.st_uid == uid || st.st_uid == geteuid ())
        {
          if (!is_shared)
            continue;
          satchel_plan_add_problem_of (plan, TRUE, wanted->origin, wanted->key,
                                       "%s: %s can be written by %s, who can put another directory in the "
                                       "place of %s; run: chmod %s %s",
                                       wanted->key, at, st.st_mode & 002 ? "everyone" : "its group",
                                       wanted->path, st.st_mode & 002 ? "o-w" : "g-w", at);
        }
      else
        satchel_plan_add_problem_of (plan, TRUE, wanted->origin, wanted->key,
                                     "%s: %s belongs to uid %u, who can put another directory in the place "
                                     "of %s; run: chown root %s, or name another directory",
                                     wanted->key, at, (guint) st.st_uid, wanted->path, at);
      g_ptr_array_add (told, g_steal_pointer (&at));
      return;
    }
}

static void
check_one (SatchelPlan *plan, const SatchelDirWanted *wanted, GPtrArray *told)
{
  struct stat st;
  g_autofree char *read_only = satchel_read_only_advice (wanted->path);
  if (read_only != NULL)
    {
      satchel_plan_add_problem_of (plan, FALSE, wanted->origin, wanted->key, "%s: %s", wanted->key,
                                   read_only);
      return;
    }
  g_auto (SatchelFd) fd = open (wanted->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  /* A symbolic link that leads nowhere exists, so no directory can be made there. */
  if (fd < 0 && errno == ENOENT && lstat (wanted->path, &st) != 0)
    check_missing (plan, wanted);
  else if (fd < 0)
    satchel_plan_add_problem_of (
        plan, FALSE, wanted->origin, wanted->key,
        "%s: %s cannot be opened as a directory (%s); correct it, or name another directory", wanted->key,
        wanted->path, g_strerror (errno));
  else
    (void) satchel_dir_judge (plan, wanted, fd);
  if (geteuid () == 0)
    check_above (plan, wanted, told);
}

/* Checks that the log file can be opened for appending, or that its directory exists if the file does not. */
static void
check_log (SatchelPlan *plan)
{
  int fd = open (plan->log_file, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), errnum = errno;
  g_autofree char *directory = g_path_get_dirname (plan->log_file),
                  *read_only = satchel_read_only_advice (directory);
  if (fd >= 0)
    close (fd);
  else if (read_only != NULL)
    satchel_plan_add_problem_of (plan, FALSE, plan->log_file_origin, "log.file", "log.file: %s", read_only);
  /* State directory and run directory are made before the log file is opened. */
  else if (errnum == ENOENT && access (directory, W_OK | X_OK) != 0
           && !(errno == ENOENT
                && (g_str_equal (directory, plan->state_dir) || g_str_equal (directory, plan->run_dir))))
    satchel_plan_add_problem_of (
        plan, FALSE, plan->log_file_origin, "log.file",
        "log.file: log file %s cannot be made in %s (%s); make its directory, or name another file",
        plan->log_file, directory, g_strerror (errno));
  else if (errnum != ENOENT)
    satchel_plan_add_problem_of (plan, FALSE, plan->log_file_origin, "log.file",
                                 "log.file: log file %s: %s; name another file", plan->log_file,
                                 g_strerror (errnum));
}

gboolean
satchel_dirs_check (SatchelPlan *plan)
{
  guint before = plan->n_errors;
  g_autofree char *auth_path = g_build_filename (plan->state_dir, "auth", NULL);
  g_autoptr (GPtrArray) told = g_ptr_array_new_with_free_func (g_free);
  SatchelDirWanted wanted[SATCHEL_DIR_N];
  satchel_dirs_wanted (plan, auth_path, wanted);
  for (guint i = 0; i < SATCHEL_DIR_N; i++)
    {
      /* If an account is missing, that has been reported already. */
      gboolean has_owner = geteuid () != 0 || i == SATCHEL_DIR_RUN || i == SATCHEL_DIR_STATE
                           || plan->ids[i == SATCHEL_DIR_AUTH ? SATCHEL_PLAN_AUTH : SATCHEL_PLAN_MAIL].uid
                                  != SATCHEL_PLAN_NO_ID;
      if (has_owner && (i != SATCHEL_DIR_AUTH || plan->n_errors == before))
        check_one (plan, &wanted[i], told);
    }
  if (*plan->log_file != '\0')
    check_log (plan);
  return plan->n_errors == before;
}
