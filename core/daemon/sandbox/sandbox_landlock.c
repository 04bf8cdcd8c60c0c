/* SPDX-License-Identifier: MIT
 * Implements the Landlock half of the sandbox. The headers of Debian 12 know ABI 2 only, so the newer parts
 * of the interface are defined here and probed at run time (Documentation/userspace-api/landlock.rst of
 * Linux).
 */
#include "config.h"

#include "core/base/fd.h"
#include "core/daemon/sandbox/sandbox.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef __NR_landlock_create_ruleset
#define __NR_landlock_create_ruleset 444
#define __NR_landlock_add_rule 445
#define __NR_landlock_restrict_self 446
#endif

#define CREATE_RULESET_VERSION 1u
#define RULE_PATH_BENEATH 1
#define RULE_NET_PORT 2 /* ABI 4 */

enum
{
  FS_EXECUTE = 1 << 0,
  FS_WRITE_FILE = 1 << 1,
  FS_READ_FILE = 1 << 2,
  FS_READ_DIR = 1 << 3,
  FS_REMOVE_DIR = 1 << 4,
  FS_REMOVE_FILE = 1 << 5,
  FS_MAKE_DIR = 1 << 7,
  FS_MAKE_REG = 1 << 8,
  FS_MAKE_SYM = 1 << 12,
  FS_REFER = 1 << 13,     /* ABI 2: rename and link between directories */
  FS_TRUNCATE = 1 << 14,  /* ABI 3 */
  FS_IOCTL_DEV = 1 << 15, /* ABI 5 */
  FS_ALL_ABI1 = (1 << 13) - 1,
  NET_BIND_TCP = 1 << 0,               /* ABI 4 */
  NET_CONNECT_TCP = 1 << 1,            /* ABI 4 */
  SCOPE_ABSTRACT_UNIX_SOCKET = 1 << 0, /* ABI 6 */
  SCOPE_SIGNAL = 1 << 1                /* ABI 6 */
};

typedef struct RulesetAttr
{
  guint64 handled_access_fs;
  guint64 handled_access_net;
  guint64 scoped;
} RulesetAttr;

typedef struct __attribute__ ((packed)) PathBeneathAttr
{
  guint64 allowed_access;
  gint32 parent_fd;
} PathBeneathAttr;

typedef struct NetPortAttr
{
  guint64 allowed_access;
  guint64 port;
} NetPortAttr;

static int
probe_abi (void)
{
  long abi = syscall (__NR_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
  return abi < 0 ? 0 : (int) abi;
}

static RulesetAttr
make_attr (SatchelRole role, int abi, gsize *ret_len)
{
  RulesetAttr attr = { .handled_access_fs = FS_ALL_ABI1 };
  *ret_len = sizeof (guint64);
  if (abi >= 2)
    attr.handled_access_fs |= FS_REFER;
  if (abi >= 3)
    attr.handled_access_fs |= FS_TRUNCATE;
  if (abi >= 5)
    attr.handled_access_fs |= FS_IOCTL_DEV;
  if (abi >= 4)
    {
      attr.handled_access_net = NET_BIND_TCP | NET_CONNECT_TCP;
      *ret_len = 2 * sizeof (guint64);
    }
  if (abi >= 6)
    {
      attr.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL;
      *ret_len = sizeof attr;
    }
  return attr;
}

static gboolean
add_path (int ruleset, const SatchelSandboxPath *path, guint64 handled, GError **error)
{
  guint64 access = FS_READ_FILE | FS_READ_DIR;
  if (path->is_writable)
    access |= FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | FS_MAKE_SYM
              | FS_REFER | FS_TRUNCATE;
  if (path->is_executable)
    access |= FS_EXECUTE;
  struct stat st;
  if (fstat (path->fd, &st) != 0)
    return satchel_error_set_errno (error, errno, "sandbox: a path that the process needs cannot be opened");
  if (!S_ISDIR (st.st_mode))
    access &= FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE;
  PathBeneathAttr attr = { .allowed_access = access & handled, .parent_fd = path->fd };
  if (syscall (__NR_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &attr, 0) != 0)
    return satchel_error_set_errno (error, errno,
                                    "sandbox: the kernel refuses a rule for a path (landlock_add_rule)");
  return TRUE;
}

static gboolean
add_port (int ruleset, guint16 port, GError **error)
{
  NetPortAttr attr = { .allowed_access = NET_CONNECT_TCP, .port = port };
  if (syscall (__NR_landlock_add_rule, ruleset, RULE_NET_PORT, &attr, 0) != 0)
    return satchel_error_set_errno (
        error, errno, "sandbox: the kernel refuses the rule for port %u (landlock_add_rule)", port);
  return TRUE;
}

gboolean
satchel_sandbox_landlock (SatchelRole role, const SatchelSandboxPath *paths, guint n_paths,
                          const GArray *ports, int *ret_abi, GError **error)
{
  int abi = probe_abi ();
  *ret_abi = abi;
  /* Before ABI 2 a rename between directories is always refused: mail could not be delivered. */
  if (abi == 0 || (abi < 2 && satchel_role_has (role, SATCHEL_TRAIT_CAGE_STORE)))
    {
      *ret_abi = 0;
      return TRUE;
    }
  gsize len;
  RulesetAttr attr = make_attr (role, abi, &len);
  g_auto (SatchelFd) ruleset = (int) syscall (__NR_landlock_create_ruleset, &attr, len, 0);
  if (ruleset < 0)
    return satchel_error_set_errno (error, errno,
                                    "sandbox: the kernel makes no set of rules (landlock_create_ruleset)");
  gboolean ok = TRUE;
  for (guint i = 0; ok && i < n_paths; i++)
    ok = add_path (ruleset, &paths[i], attr.handled_access_fs, error);
  for (guint i = 0; ok && ports != NULL && abi >= 4 && i < ports->len; i++)
    ok = add_port (ruleset, g_array_index (ports, guint16, i), error);
  if (ok && prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    ok = satchel_error_set_errno (error, errno, "sandbox: the kernel refuses PR_SET_NO_NEW_PRIVS");
  if (ok && syscall (__NR_landlock_restrict_self, ruleset, 0) != 0)
    ok = satchel_error_set_errno (
        error, errno, "sandbox: the kernel does not confine the process (landlock_restrict_self)");
  return ok;
}
