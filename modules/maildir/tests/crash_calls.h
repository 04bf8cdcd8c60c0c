/* SPDX-License-Identifier: MIT
 * Declares the record of what the driver does (tests/lib/crashfs.h), by its table of system calls.
 */
#pragma once
#include "tests/lib/crashfs.h"

void crash_calls_start (int root_fd);
void crash_calls_stop (void); /* the record stays, until the next start */
