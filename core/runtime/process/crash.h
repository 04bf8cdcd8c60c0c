/* SPDX-License-Identifier: MIT
 * Finds the module in which a thread crashed or hangs. It is found from the stack, so that no call costs
 * anything, and written into the breadcrumb of the thread.
 */
#pragma once
#include "core/runtime/loop/breadcrumb.h"

/* The signal by which master asks a thread where it is. */
#define SATCHEL_SIGNAL_WHERE SIGURG

/* Notes that the code around @address is that of module @name. Called before threads exist. */
void satchel_crash_add_module (const char *name, gconstpointer address);
/* Sets the handlers of the process, and prepares its main thread. */
void satchel_crash_init (void);
/* Sets the breadcrumb of the calling thread, borrowed as long as the thread lives; NULL: none. */
void satchel_crash_set_crumb (SatchelBreadcrumb *crumb);
/* Prepares another thread. Called at its start. */
void satchel_crash_init_thread (SatchelBreadcrumb *crumb);
