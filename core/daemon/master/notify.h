/* SPDX-License-Identifier: MIT
 * Speaks with systemd in the documented formats of sd_notify(3) and sd_listen_fds(3), without its library.
 */
#pragma once
#include <glib.h>

/* Takes NOTIFY_SOCKET and WATCHDOG_* out of the environment, so that no child speaks for the server. */
void satchel_notify_init (void);
/* Sends "READY=1\nSTATUS=..." and the like. Does nothing if no service manager listens. */
void satchel_notify (const char *format, ...) G_GNUC_PRINTF (1, 2);
/* Returns how often systemd wants WATCHDOG=1, in ms; 0: never. */
guint satchel_notify_watchdog_ms (void);
/* Puts the variables back into the environment before this program is executed again. */
void satchel_notify_restore (void);
