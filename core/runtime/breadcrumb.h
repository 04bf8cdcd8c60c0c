/* SPDX-License-Identifier: MIT
 * Job breadcrumbs: what each thread of a process is doing, in memory shared with master, so that a dead
 * process's work can be named.  Written by job.c, read by master as hostile data (bounded, may be torn).
 */
#pragma once
#include <glib.h>

#define SATCHEL_BREADCRUMBS_JOBS 256u  /* one a thread of the pool */
#define SATCHEL_BREADCRUMBS_APART 128u /* behind them: threads for what waits for others */
#define SATCHEL_BREADCRUMBS                                                                                  \
  (SATCHEL_BREADCRUMBS_JOBS + SATCHEL_BREADCRUMBS_APART + 1u) /* the last for the main thread */

typedef struct SatchelBreadcrumb
{
  guint32 is_busy;    /* set last, cleared first */
  guint32 is_culprit; /* the process died in this thread: by its handler (crash.c), or master that ended it */
  gint64 since_ms;    /* CLOCK_MONOTONIC */
  guint32 tid;
  guint32 n_beats;    /* grows while the work gets somewhere */
  char operation[48]; /* NUL-ended, cut off, as all below */
  char user[256];
  char detail[96]; /* message: "mailbox-id uid" */
  char module[32]; /* whose code runs, where that is known */
  char call[32];   /* what it was called for */
  char where[24];  /* hexadecimal: offset in the module's code */
} SatchelBreadcrumb;
G_STATIC_ASSERT (sizeof (SatchelBreadcrumb) == 512);

/* Where jobs write from now on: SATCHEL_BREADCRUMBS entries, or NULL (the default: nowhere).  Provided by
 * job.c. */
void satchel_job_set_breadcrumbs (SatchelBreadcrumb *area);
