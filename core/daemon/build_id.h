/* SPDX-License-Identifier: MIT
 * Declares the name of the build that this process runs. By it an old master learns that the package was
 * upgraded while it ran.
 */
#pragma once
#include <glib.h>

/* Returns the version and the identity (device, inode) of the mapped program and libsatchel, which all
 * processes of one build share. Yours. */
char *satchel_build_id (void);
