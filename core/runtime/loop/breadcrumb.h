/* SPDX-License-Identifier: MIT
 * Declares breadcrumbs, which say what each thread of a process works on. They are in memory shared with
 * master, so that the work of a dead process is known. job.c writes them. Master reads them as hostile data:
 * every value is bounded, and a read may see half of a write.
 */
#pragma once
#include <glib.h>

#define SATCHEL_BREADCRUMBS_JOBS 256u  /* one for each thread of the pool */
#define SATCHEL_BREADCRUMBS_APART 128u /* behind them: threads for jobs that wait for others */
/* so many are of threads that must get somewhere: the first ones, of jobs */
#define SATCHEL_BREADCRUMBS_WATCHED (SATCHEL_BREADCRUMBS_JOBS + SATCHEL_BREADCRUMBS_APART)
#define SATCHEL_BREADCRUMBS_LISTENERS 32u /* behind them: threads of durable listeners, which may hang */
#define SATCHEL_BREADCRUMBS                                                                                  \
  (SATCHEL_BREADCRUMBS_WATCHED + SATCHEL_BREADCRUMBS_LISTENERS + 1u) /* the last for the main thread */

typedef struct SatchelBreadcrumb
{
  guint32 is_busy; /* set after all other members, cleared before them */
  /* the process died in this thread, as its signal handler noted (crash.c), or master did, which ended it */
  guint32 is_culprit;
  gint64 since_ms; /* CLOCK_MONOTONIC */
  guint32 tid;
  guint32 n_beats;    /* grows while the work makes progress */
  char operation[48]; /* NUL-ended, cut off, as all below */
  char user[256];
  char detail[96]; /* message: "mailbox-id uid" */
  char module[32]; /* module whose code runs, if that is known */
  char call[32];   /* the call for which the core called it */
  char where[24];  /* hexadecimal: offset in the module's code */
} SatchelBreadcrumb;
G_STATIC_ASSERT (sizeof (SatchelBreadcrumb) == 512);

/* Sets where jobs write from now on: SATCHEL_BREADCRUMBS entries, or NULL (nowhere, the default). Defined in
 * job.c. */
void satchel_job_set_breadcrumbs (SatchelBreadcrumb *area);
