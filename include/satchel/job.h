/* SPDX-License-Identifier: MIT
 * Work that may block, on the process's thread pool (32 threads, a cap per user).  What a job is
 * doing is written to shared memory (breadcrumbs), so that master can tell what a process died of.
 */
#pragma once
#include <satchel/types.h>

G_BEGIN_DECLS

/* In a pool thread.  A session's job looks at satchel_session_is_cancelled () at convenient points. */
typedef void (*SatchelJobFunc) (gpointer data);
/* In the main thread, once, always, after the job. */
typedef void (*SatchelJobDoneFunc) (gpointer data);

/* @user: whose work it is, for the cap and the breadcrumb; NULL: the process's own.
 * @operation: a static string, "imap FETCH".  Main thread only. */
SATCHEL_API void satchel_job_submit (const char *user, const char *operation, SatchelJobFunc func,
                                     SatchelJobDoneFunc done, gpointer data);
/* Inside a job: names the message being worked on ("mailbox-id uid"); copied, may be cut off. */
SATCHEL_API void satchel_job_crumb (const char *format, ...) G_GNUC_PRINTF (1, 2);

G_END_DECLS
