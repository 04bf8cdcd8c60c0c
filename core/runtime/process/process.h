/* SPDX-License-Identifier: MIT
 * The end of a process that cannot go on (satchel_process_fail of <satchel/module.h>).
 */
#pragma once
#include <satchel/module.h>

/* The process exits with SATCHEL_EXIT_CANNOT_GO_ON, by which master knows that it was not a crash. */

/* Sets a function that gets the reason before the process ends, in any thread; NULL: none. */
typedef void (*SatchelProcessFailFunc) (const char *why);
void satchel_process_set_fail_func (SatchelProcessFailFunc func);
