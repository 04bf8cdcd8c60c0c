/* SPDX-License-Identifier: MIT
 * Declares how a process ends that cannot go on (satchel_process_fail of <satchel/module.h>). It exits with
 * SATCHEL_EXIT_CANNOT_GO_ON, by which master knows that it was not a crash.
 */
#pragma once
#include <satchel/module.h>

/* Sets a function that gets the reason before the process ends, in any thread; NULL: none. */
typedef void (*SatchelProcessFailFunc) (const char *why);
void satchel_process_set_fail_func (SatchelProcessFailFunc func);
