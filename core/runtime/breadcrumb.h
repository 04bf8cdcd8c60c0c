/* SPDX-License-Identifier: MIT
 * Job breadcrumbs: what each thread of a mail process is doing, in memory shared with master, so that a dead
 * process's work can be named.  Written by job.c, read by master as hostile data (bounded, may be torn).
 */
#pragma once
#include <glib.h>

#define SATCHEL_BREADCRUMBS 257u /* one a thread of the pool, the last for the main thread */

typedef struct SatchelBreadcrumb
{
  guint32 is_busy;    /* set last, cleared first */
  guint32 reserved;
  gint64 since_ms;    /* CLOCK_MONOTONIC */
  char operation[48]; /* NUL-ended, cut off */
  char user[256];
  char detail[192];   /* message: "mailbox-id uid" */
} SatchelBreadcrumb;
G_STATIC_ASSERT (sizeof (SatchelBreadcrumb) == 512);

/* Where jobs write from now on: SATCHEL_BREADCRUMBS entries, or NULL (the default: nowhere).  Provided by job.c. */
void satchel_job_set_breadcrumbs (SatchelBreadcrumb *area);
