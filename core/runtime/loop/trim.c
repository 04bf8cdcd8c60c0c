/* SPDX-License-Identifier: MIT
 * glibc gives back the end of its heap only, where something always lives: what thousands of connections used
 * stays with the process for ever.  So after a crowd has gone, the free pages between are given back, once.
 */
#include "config.h"

#include "core/runtime/loop/trim.h"

#include <malloc.h>
#include <satchel/reactor.h>

#define GONE_MIN 64u  /* fewer are no crowd */
#define DELAY_MS 1000 /* the rest of the crowd goes in this time */

static guint peak, now;
static guint lowest; /* at the last time that pages were given back */
static SatchelTimer timer;

static gboolean
has_gone (void)
{
  return now <= peak / 2 && peak - now >= GONE_MIN;
}

/* Gives freed memory back to the system, and looks again as long as more of a crowd is leaving. */
static void
trim_heap (SatchelTimer *due, gpointer data)
{
  if (!has_gone () && now >= lowest)
    return;
#ifdef __GLIBC__
  (void) malloc_trim (0);
#endif
  peak = lowest = now;
  if (now > 0)
    satchel_timer_arm (&timer, DELAY_MS, trim_heap, NULL);
}

void
satchel_trim_note (guint n)
{
  now = n;
  peak = MAX (peak, n);
  if (timer.due_ms == 0 && has_gone ())
    satchel_timer_arm (&timer, DELAY_MS, trim_heap, NULL);
}
