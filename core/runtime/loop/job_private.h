/* SPDX-License-Identifier: MIT
 * How the processes set up the thread pool. Breadcrumbs are in breadcrumb.h.
 */
#pragma once
#include "core/runtime/loop/breadcrumb.h"
#include <satchel/job.h>

/* Sets the numbers of threads, before the first job; 0 keeps the default (32 threads, 8 for each user). */
void satchel_job_set_limits (guint threads, guint threads_per_user);
/* Does what satchel_job_submit does for a job that waits for somebody else (a filter's scanner). Such jobs
 * have threads of their own, so that other jobs never wait behind them. They run in the order in which they
 * came, and the caller bounds their number. */
void satchel_job_submit_apart (const char *user, const char *operation, SatchelJobFunc func,
                               SatchelJobDoneFunc done, gpointer data);
/* Sets how many threads such jobs may have; at most SATCHEL_BREADCRUMBS_APART. */
void satchel_job_set_apart_limit (guint threads);
/* Notes that this thread waits for something that has a deadline, so that master does not count it as stuck.
 * */
void satchel_job_beat (void);
/* Notes what the main thread works on, and the call into a module that it makes for that.  NULL @operation
 * means that it works on nothing. */
void satchel_job_main_crumb (const char *user, const char *operation, const char *call);
/* Gives the calling thread, of durable listener @number, a breadcrumb; further ones than
 * SATCHEL_BREADCRUMBS_LISTENERS get none. */
void satchel_job_begin_listener_thread (guint number);
/* Notes what such a thread works on, until the next call; NULL @operation means that it works on nothing. */
void satchel_job_listener_crumb (const char *user, const char *operation);
/* Notes that this thread calls @module now; NULLs mean that the call has returned. */
void satchel_job_call (const char *module, const char *call);
/* Copies the detail of this thread's breadcrumb; "" if it has none. */
void satchel_job_get_crumb (char *buffer, gsize len);
/* Returns the number of jobs that are queued or running. */
guint satchel_job_n_pending (void);
