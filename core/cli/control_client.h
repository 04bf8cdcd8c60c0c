/* SPDX-License-Identifier: MIT
 * This header declares how `satchel` sends requests to a running server.
 */
#pragma once
#include <satchel/error.h>

/* Gets a part of the answer: whole lines, borrowed. */
typedef void (*SatchelControlFunc) (const char *text, gpointer data);

/* Sends @argv ("status", "reload", "stop", "who", "kick" USER, "release" USER, "adopt" USER SLOT,
 * "log-reopen") to the server of
 * @run_dir and gives its answer to @func (may be NULL) part by part.  *ret_status: exit status, 0 fine.
 * Blocks. Errors: UNAVAILABLE no server runs there, NOPERM, TIMEOUT (@timeout_ms without a word), IO. */
gboolean satchel_control_call (const char *run_dir, const char *const *argv, guint timeout_ms,
                               SatchelControlFunc func, gpointer data, guint *ret_status, GError **error);
/* Makes a request that takes long.  Each time that the signal of @signal_fd (signalfd(2)) comes, @interrupted
 * is called.  If that returns TRUE, the server is asked to cancel, and its answer is waited for; if FALSE,
 * the call fails with CANCELLED at once.  @channel_fd goes along with the request; it is borrowed, -1: none.
 * */
typedef gboolean (*SatchelControlInterruptFunc) (gpointer data);
gboolean satchel_control_run (const char *run_dir, const char *const *argv, guint timeout_ms, int channel_fd,
                              int signal_fd, SatchelControlInterruptFunc interrupted, SatchelControlFunc func,
                              gpointer data, guint *ret_status, GError **error);
/* Does the same for "stop". After the answer it waits until the process of the server has ended. */
gboolean satchel_control_stop (const char *run_dir, const char *const *argv, guint timeout_ms,
                               SatchelControlFunc func, gpointer data, guint *ret_status, GError **error);
