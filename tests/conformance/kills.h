/* SPDX-License-Identifier: MIT
 * The child of a case of case_kills.c: this program, run again with its stack alone.
 */
#pragma once
#include "conformance.h"

/* Is this process such a child? */
gboolean kills_is_child (void);
/* Does the change that the parent named, until it is killed.  Returns the exit status. */
int kills_run_child (const SatchelConformanceBackend *backend);
