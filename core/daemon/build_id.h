/* SPDX-License-Identifier: MIT
 * Names the build that this process runs, so that an old master learns that the package was upgraded under
 * it.
 */
#pragma once
#include <glib.h>

/* Version and the identity (device, inode) of the mapped program and libsatchel; the same for all processes
 * of one build.  Yours. */
char *satchel_build_id (void);
