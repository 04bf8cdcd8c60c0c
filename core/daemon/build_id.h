/* SPDX-License-Identifier: MIT
 * Which build this process runs: tells an old master that a package was upgraded under it.
 */
#pragma once
#include <glib.h>

/* Version and the identity (device, inode) of the mapped program and libsatchel; the same for all processes
 * of one build.  Yours. */
char *satchel_build_id (void);
