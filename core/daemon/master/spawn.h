/* SPDX-License-Identifier: MIT
 * Starts a child, which is this program in another role, with its control link on descriptor 3 and nothing
 * else open.
 */
#pragma once
#include "core/daemon/options.h"
#include <satchel/module.h>
#include <sys/types.h>

/* Starts a process.  *ret_fd is master's end of the control link.  Returns -1 with @error. */
pid_t satchel_spawn (const SatchelOptions *options, SatchelRole role, guint slot, int *ret_fd,
                     GError **error);
