/* SPDX-License-Identifier: MIT
 * Places that the service manager has made read-only for us (ProtectSystem=, ProtectHome= of
 * systemd.exec(5)).
 */
#pragma once

#include <glib.h>

/* NULL: `dir` (or where it would be made) may be written, or cannot be for another reason; else what is so
 * and the commands that allow it. */
char *satchel_read_only_advice (const char *dir);
