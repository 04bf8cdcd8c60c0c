/* SPDX-License-Identifier: MIT
 * Drops the rights of the process: user, groups, capabilities, and every way to get them back.
 */
#include "config.h"

#include "core/daemon/sandbox/drop.h"
#include "core/base/sanitized.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/daemon/plan.h"

static gboolean
set_ids (guint uid, guint gid, guint more_gid, GError **error)
{
  if (geteuid () != 0)
    return TRUE;
  const gid_t more = more_gid;
  if (setgroups (more_gid != SATCHEL_PLAN_NO_ID ? 1 : 0, &more) != 0)
    return satchel_error_set_errno (error, errno, "the process cannot give up its groups (setgroups)");
  if (gid != SATCHEL_PLAN_NO_ID && setresgid (gid, gid, gid) != 0)
    return satchel_error_set_errno (error, errno, "the process cannot change to group %u (setresgid)", gid);
  if (uid != SATCHEL_PLAN_NO_ID && setresuid (uid, uid, uid) != 0)
    return satchel_error_set_errno (error, errno, "the process cannot change to user %u (setresuid)", uid);
  if (uid != SATCHEL_PLAN_NO_ID && uid != 0 && setuid (0) == 0)
    return satchel_error_set (error, SATCHEL_ERROR_FAILED,
                              "the process could take back the rights of root after dropping them");
  return TRUE;
}

static gboolean
set_capabilities (gboolean keep_reading, GError **error)
{
  struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
  struct __user_cap_data_struct now[2] = { 0 }, wanted[2] = { 0 };
  if (syscall (SYS_capget, &header, now) != 0)
    return satchel_error_set_errno (error, errno, "the process cannot read its capabilities (capget)");
  if (keep_reading)
    {
      guint32 search = 1u << CAP_DAC_READ_SEARCH, override = 1u << CAP_DAC_OVERRIDE;
      /* Containers often lack the first capability; Landlock keeps the second one from writing. */
      guint32 kept = now[0].permitted & search ? search : now[0].permitted & override;
      wanted[0].permitted = wanted[0].effective = kept;
    }
  /* Dropping needs CAP_SETPCAP; a process without that capability cannot gain any by its bounding set. */
  for (int cap = 0; cap <= 63; cap++)
    if (prctl (PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
      (void) prctl (PR_CAPBSET_DROP, cap, 0, 0, 0);
  (void) prctl (PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  header.pid = 0;
  /* A process without capabilities need not call, and a unit without capabilities may forbid the call. */
  if (memcmp (now, wanted, sizeof now) != 0 && syscall (SYS_capset, &header, wanted) != 0)
    return satchel_error_set_errno (error, errno, "the process cannot drop its capabilities (capset)");
  return TRUE;
}

gboolean
satchel_drop_rights (guint uid, guint gid, guint more_gid, gboolean keep_reading, GError **error)
{
  struct rlimit no_core = { 0, 0 }, files;
  if (setrlimit (RLIMIT_CORE, &no_core) != 0)
    return satchel_error_set_errno (error, errno, "the process cannot forbid core dumps (setrlimit)");
  if (getrlimit (RLIMIT_NOFILE, &files) == 0)
    {
      files.rlim_cur = files.rlim_max;
      (void) setrlimit (RLIMIT_NOFILE, &files);
    }
  umask (077);
  if (keep_reading)
    (void) prctl (PR_SET_KEEPCAPS, 1, 0, 0, 0);
  if (!set_ids (uid, gid, more_gid, error) || !set_capabilities (keep_reading, error))
    return FALSE;
  (void) prctl (PR_SET_KEEPCAPS, 0, 0, 0, 0);
  if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return satchel_error_set_errno (
        error, errno, "programs cannot be kept from gaining rights (prctl PR_SET_NO_NEW_PRIVS)");
  /* The leak checker of the sanitizers attaches to its own process. */
  if (!satchel_is_sanitized () && prctl (PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
    return satchel_error_set_errno (error, errno,
                                    "core dumps and tracing cannot be turned off (prctl PR_SET_DUMPABLE)");
  /* The change of user has cleared this setting (prctl(2)). */
  if (prctl (PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
    return satchel_error_set_errno (
        error, errno,
        "the end of the parent process cannot be made to end this one (prctl PR_SET_PDEATHSIG)");
  return TRUE;
}
