/* SPDX-License-Identifier: MIT
 * Which module a thread was in when it crashed, or is in while it hangs: found from its stack, so that no
 * call costs anything, and written to its breadcrumb.
 */
#pragma once
#include "core/runtime/breadcrumb.h"

/* The signal by which master asks a thread where it is. */
#define SATCHEL_SIGNAL_WHERE SIGURG

/* The code around @address is that of module @name.  Before threads. */
void satchel_crash_add_module (const char *name, gconstpointer address);
/* Handlers of the process, and its main thread. */
void satchel_crash_init (void);
/* The calling thread's breadcrumb, borrowed for its life; NULL: none. */
void satchel_crash_set_crumb (SatchelBreadcrumb *crumb);
/* Of a further thread, at its start. */
void satchel_crash_init_thread (SatchelBreadcrumb *crumb);
