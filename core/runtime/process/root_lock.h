/* SPDX-License-Identifier: MIT
 * The lock of a mail root: one server, or one `satchel` that works without a server, at a time.
 */
#pragma once
#include <satchel/error.h>

/* Locks the mail root @root_fd. Returns a descriptor that holds the lock until it is closed (also over
 * exec); -1 with INUSE, which names the holder's pid, or IO. */
int satchel_root_lock (int root_fd, GError **error);
