/* SPDX-License-Identifier: MIT
 * What systemd is told and hands over: sd_notify(3) and sd_listen_fds(3) by hand, documented wire formats.
 */
#pragma once
#include <glib.h>

/* Takes NOTIFY_SOCKET and WATCHDOG_* out of the environment, so that no child speaks for us. */
void satchel_notify_init (void);
/* "READY=1\nSTATUS=..." ; nothing where nobody listens. */
void satchel_notify (const char *format, ...) G_GNUC_PRINTF (1, 2);
/* How often WATCHDOG=1 is wanted, ms; 0: never. */
guint satchel_notify_watchdog_ms (void);
/* Puts the variables back before this program is executed again. */
void satchel_notify_restore (void);
