/* SPDX-License-Identifier: MIT
 * Declares the record of what a volume does to its files (tests/lib/crashfs.h), by the hooks that Berkeley
 * DB has for its system calls, and by calls that the linker wraps for the driver's own.
 */
#pragma once
#include "tests/lib/crashfs.h"

void crash_calls_start (int root_fd);
void crash_calls_stop (void); /* the record stays until the next start; nothing is synced any more */
