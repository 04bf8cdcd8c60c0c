/* SPDX-License-Identifier: MIT
 * Upkeep: what a layer, a driver or a mailbox listener does for each user now and then, whether the user
 * comes or not (old mail goes, files are packed).  The member `maintain` of their tables; the core calls it
 * for each user that has an account or mail, once every `janitor.interval`, in the process that owns the
 * user.  docs/modules/maintain.md, docs/decisions/0040.
 */
#pragma once
#include <satchel/types.h>

G_BEGIN_DECLS

/* One call.  Given by the core, valid during it; members come at the end. */
typedef struct SatchelMaintenance
{
  size_t size;
  gint64 now_s; /* the machine's clock, seconds since 1970 */
  /* The clock is further ahead than time has passed, by more than `janitor.clock_bound`: whoever removes what
   * is old does not by this clock.  So it stays until the clock is back, or has stood for
   * `janitor.clock_settle`. */
  gboolean clock_jumped;
  gint64 ahead_s; /* by how much then; else 0 */
  gint64 end_us;  /* CLOCK_MONOTONIC: when the slice ends */
} SatchelMaintenance;

/* The time slice is over (`janitor.slice`), or the process ends: leave what is left for the next call.  To be
 * asked between steps that take milliseconds.  [any thread] */
SATCHEL_API gboolean satchel_maintenance_is_over (const SatchelMaintenance *maintenance);

typedef enum
{
  SATCHEL_MAINTAIN_FAILED = 0, /* with an error, which is logged; again in the next round */
  SATCHEL_MAINTAIN_DONE,       /* for this round */
  SATCHEL_MAINTAIN_MORE        /* go on soon: in the next slice, of the same visit */
} SatchelMaintained;

G_END_DECLS
