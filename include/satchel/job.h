/* SPDX-License-Identifier: MIT
 * Declares jobs: work that may block, on the process's thread pool (32 threads, with a limit for each user).
 * Each job writes what it is doing to shared memory (breadcrumbs), so that master can say what a process
 * died of.
 */
#pragma once
#include <satchel/types.h>

G_BEGIN_DECLS

/* A job is called in a pool thread.  The job of a session asks satchel_session_is_cancelled () from time to
 * time. */
typedef void (*SatchelJobFunc) (gpointer data);
/* It is called in the main thread after the job, exactly once, also if the job was cancelled. */
typedef void (*SatchelJobDoneFunc) (gpointer data);

/* Runs a job.  @user is the user that the limit and the breadcrumb apply to; NULL: the process itself.
 * @operation is a static string such as "imap FETCH".  Main thread only. */
SATCHEL_API void satchel_job_submit (const char *user, const char *operation, SatchelJobFunc func,
                                     SatchelJobDoneFunc done, gpointer data);
/* Names, inside a job, the message in hand ("mailbox-id uid").  The text is copied, and may be cut off. */
SATCHEL_API void satchel_job_crumb (const char *format, ...) G_GNUC_PRINTF (1, 2);

G_END_DECLS
