/* SPDX-License-Identifier: MIT
 * The cage of each role: Landlock for files, TCP and signals, seccomp for system calls.  Entered after
 * modules are loaded and before the first thread exists.  docs/security.md.
 */
#pragma once
#include "core/runtime/roles.h"

typedef enum
{
  SATCHEL_SANDBOX_BEST_EFFORT = 0, /* what the kernel has; what lacks is logged loudly */
  SATCHEL_SANDBOX_REQUIRED,        /* refuses where Landlock or seccomp is missing */
  SATCHEL_SANDBOX_OFF
} SatchelSandboxMode;

/* A directory, or file, that stays reachable. */
typedef struct SatchelSandboxPath
{
  int fd; /* borrowed */
  gboolean is_writable;
} SatchelSandboxPath;

/* Maps what libraries would otherwise open later: charsets, time zone, the unwinder, random seeds. */
void satchel_sandbox_preload (SatchelRole role);
/* @ports: guint16, TCP ports that the process itself may connect to; NULL: none, and connecting ends it.
 * FALSE only with REQUIRED, or when a rule itself fails. */
gboolean satchel_sandbox_enter (SatchelRole role, SatchelSandboxMode mode, const SatchelSandboxPath *paths,
                                guint n_paths, const GArray *ports, GError **error);

/* The two halves.  *ret_abi: Landlock's version, 0: this kernel has none. */
gboolean satchel_sandbox_landlock (SatchelRole role, const SatchelSandboxPath *paths, guint n_paths,
                                   const GArray *ports, int *ret_abi, GError **error);
gboolean satchel_sandbox_seccomp (SatchelRole role, gboolean may_connect, GError **error);
/* Number of system calls that the role may make (some with conditions). */
guint satchel_sandbox_n_allowed (SatchelRole role);
