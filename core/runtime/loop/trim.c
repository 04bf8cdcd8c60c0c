/* SPDX-License-Identifier: MIT
 * This file gives freed memory back to the system. glibc itself gives back only the end of its heap, where
 * something always lives, so what thousands of connections used would stay with the process for ever.
 * After many of them have gone, the free pages in between are given back, once.
 */
#include "config.h"

#include "core/runtime/loop/trim.h"

#include <malloc.h>
#include <satchel/reactor.h>

#define GONE_MIN 64u  /* if fewer connections have gone, nothing is given back */
#define DELAY_MS 1000 /* other connections of the same crowd end within this time */

static guint peak, now;
static guint lowest; /* number of connections when pages were given back last */
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
