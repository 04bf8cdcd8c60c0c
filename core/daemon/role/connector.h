/* SPDX-License-Identifier: MIT
 * Declares the process that makes connections for a helper. No code of a module runs in it, and all that it
 * takes from the helper is which of the granted endpoints is wanted.
 */
#pragma once
#include "core/daemon/sandbox/sandbox.h"

/* Forks the connector, with the account of the caller, which must have one thread only. @granted: texts of
 * endpoints. The connector ends with the caller. */
gboolean satchel_connector_start (const GPtrArray *granted, SatchelSandboxMode mode, GError **error);
