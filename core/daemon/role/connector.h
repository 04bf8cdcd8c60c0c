/* SPDX-License-Identifier: MIT
 * The process beside a helper that connects for it: no module's code runs in it, and all it takes from the
 * helper is which of the granted endpoints is wanted.
 */
#pragma once
#include "core/daemon/sandbox/sandbox.h"

/* Forks it, with the account of the caller, which has one thread.  @granted: texts of endpoints.  It ends
 * with the caller. */
gboolean satchel_connector_start (const GPtrArray *granted, SatchelSandboxMode mode, GError **error);
