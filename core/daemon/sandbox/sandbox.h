/* SPDX-License-Identifier: MIT
 * Declares the sandbox of each role: Landlock for files, TCP and signals, seccomp for system calls. A
 * process enters it after modules are loaded and before the first thread exists. See docs/security.md.
 */
#pragma once
#include "core/runtime/process/roles.h"

typedef enum
{
  SATCHEL_SANDBOX_BEST_EFFORT = 0, /* uses what the kernel has, and logs a warning about what it lacks */
  SATCHEL_SANDBOX_REQUIRED,        /* the process does not start if Landlock or seccomp is missing */
  SATCHEL_SANDBOX_OFF
} SatchelSandboxMode;

/* A directory or file with this path stays reachable. */
typedef struct SatchelSandboxPath
{
  int fd; /* borrowed */
  gboolean is_writable, is_executable;
} SatchelSandboxPath;

/* Loads what libraries would otherwise open later: charsets, time zone, the unwinder, random seeds. */
void satchel_sandbox_preload (SatchelRole role);
/* Enters the sandbox. @ports: guint16, TCP ports to which the process itself may connect; NULL: none, and
 * connecting ends the process. FALSE means that the kernel lacks something and @mode is REQUIRED, or a rule
 * failed. */
gboolean satchel_sandbox_enter (SatchelRole role, SatchelSandboxMode mode, const SatchelSandboxPath *paths,
                                guint n_paths, const GArray *ports, GError **error);

/* Each closes one half of the sandbox for good. *ret_abi is the version of Landlock; 0 means that this kernel
 * has none. */
gboolean satchel_sandbox_landlock (SatchelRole role, const SatchelSandboxPath *paths, guint n_paths,
                                   const GArray *ports, int *ret_abi, GError **error);
gboolean satchel_sandbox_seccomp (SatchelRole role, gboolean may_connect, GError **error);
/* Returns the number of system calls that the role may make (some with conditions). */
guint satchel_sandbox_n_allowed (SatchelRole role);
