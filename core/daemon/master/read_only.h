/* SPDX-License-Identifier: MIT
 * Recognises places that the service manager has made read-only for the server (ProtectSystem=,
 * ProtectHome= of systemd.exec(5)).
 */
#pragma once

#include <glib.h>

/* Returns a text with the cause and the commands that allow writing; yours. NULL: @dir (or where it would be
 * made) may be written, or cannot be for another reason. */
char *satchel_read_only_advice (const char *dir);
