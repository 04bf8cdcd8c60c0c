/* SPDX-License-Identifier: MIT
 * Declares threads of `satchel` beside the one that waits for the answer of the server.
 */
#pragma once
#include <glib.h>

/* Starts a thread that gets no signals; these are for the one that waits.  A write to a pipe that nobody
 * reads fails with EPIPE there, and ends nothing. */
GThread *satchel_quiet_thread_new (const char *name, GThreadFunc func, gpointer data);
