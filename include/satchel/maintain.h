/* SPDX-License-Identifier: MIT
 * Declares upkeep: work that a layer, a driver or a mailbox listener does for each user regularly, whether
 * the user logs in or not (removing old mail, packing files). It is the member `maintain` of their tables.
 * The core calls it for each user that has an account or mail, once in every `janitor.interval`, in the
 * process that owns the user. docs/modules/maintain.md, docs/decisions/0040.
 */
#pragma once
#include <satchel/types.h>

G_BEGIN_DECLS

/* The core makes one of these for each call of `maintain`. The core makes it, and it is valid during the
 * call; members are added at the end. */
typedef struct SatchelMaintenance
{
  size_t size;
  gint64 now_s; /* the machine's clock, seconds since 1970 */
  /* TRUE means that the machine's clock has advanced further than time has passed, by more than
   * `janitor.clock_bound`. A module that removes old things must not go by this clock. The flag stays until
   * the clock is back, or has been right for `janitor.clock_settle`. */
  gboolean clock_jumped;
  gint64 ahead_s; /* how far the clock is ahead in that case; else 0 */
  gint64 end_us;  /* CLOCK_MONOTONIC: when the slice ends */
} SatchelMaintenance;

/* Says whether the time slice is over (`janitor.slice`), or the process ends: then return MORE and leave the
 * rest for the next call.  Ask this between steps that take milliseconds.  [any thread] */
SATCHEL_API gboolean satchel_maintenance_is_over (const SatchelMaintenance *maintenance);

typedef enum
{
  SATCHEL_MAINTAIN_FAILED = 0, /* failed; @error is logged, and the next round tries again */
  SATCHEL_MAINTAIN_DONE,       /* nothing is left to do in this round */
  SATCHEL_MAINTAIN_MORE        /* call again soon, in the next slice of the same visit */
} SatchelMaintained;

G_END_DECLS
