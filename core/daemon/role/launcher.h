/* SPDX-License-Identifier: MIT
 * Declares the process that starts processes for a helper, one for each request that the helper has for
 * `run_child` of its module (<satchel/helper.h>), and ends them when their time is over.
 */
#pragma once
#include "core/daemon/sandbox/sandbox.h"
#include <satchel/helper.h>

/* Forks the launcher, with the account of the caller, which must have one thread only. @ports: guint16, TCP
 * ports that its processes may connect to. The launcher ends with the caller. */
gboolean satchel_launcher_start (const SatchelHelperOps *ops, const GArray *ports, SatchelSandboxMode mode,
                                 GError **error);
