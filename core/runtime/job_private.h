/* SPDX-License-Identifier: MIT
 * The thread pool's set-up.  Breadcrumbs: breadcrumb.h.
 */
#pragma once
#include "core/runtime/breadcrumb.h"
#include <satchel/job.h>

/* Before the first job; 0 keeps the default (32 threads, 8 a user). */
void satchel_job_set_limits (guint threads, guint threads_per_user);
/* The same as satchel_job_submit for what waits for somebody else (a filter's scanner): in threads of its
 * own, so that jobs never wait behind it.  First come, first served; the caller bounds how many there
 * are. */
void satchel_job_submit_apart (const char *user, const char *operation, SatchelJobFunc func,
                               SatchelJobDoneFunc done, gpointer data);
/* How many threads it may have; at most SATCHEL_BREADCRUMBS_APART. */
void satchel_job_set_apart_limit (guint threads);
/* This thread waits for what has a deadline of its own: it is not stuck. */
void satchel_job_beat (void);
/* What the main thread works on, and what it calls a module for; NULL @operation: nothing. */
void satchel_job_main_crumb (const char *user, const char *operation, const char *call);
/* This thread calls @module now; NULLs: it is back. */
void satchel_job_call (const char *module, const char *call);
/* The detail of this thread's breadcrumb, "" without one. */
void satchel_job_get_crumb (char *buffer, gsize len);
/* Jobs queued or running. */
guint satchel_job_n_pending (void);
