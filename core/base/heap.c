/* SPDX-License-Identifier: MIT
 * Wipes memory that was used. What is freed is wiped by core/daemon/free.c, since only a program can have a
 * free of its own.
 */
#include "config.h"

#include "core/base/heap.h"

#include <satchel/types.h>
#include <string.h>

#define STACK_BYTES 32768 /* the calls of a job or of a turn of the loop seldom go deeper */

gboolean satchel_heap_is_wiping;

void
satchel_heap_set_wiping (gboolean is_wiping)
{
  satchel_heap_is_wiping = is_wiping;
}

void
satchel_heap_wipe (gpointer memory, gsize len)
{
  if (satchel_heap_is_wiping && len > 0)
    explicit_bzero (memory, len);
}

/* Wipes its own variable, which lies where the variables of earlier calls were. */
static void __attribute__ ((noinline))
wipe_below (void)
{
  SATCHEL_UNSET guint8 below[STACK_BYTES]; /* else the compiler would wipe it once more */
  explicit_bzero (below, sizeof below);
}

void
satchel_heap_wipe_stack (void)
{
  if (satchel_heap_is_wiping)
    wipe_below ();
}
