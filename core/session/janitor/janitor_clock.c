/* SPDX-License-Identifier: MIT
 * Decides whether the machine's clock can be trusted.
 */
#include "config.h"

#include "core/session/janitor/janitor_clock.h"

gboolean
satchel_janitor_clock_look (SatchelJanitorClock *clock, gint64 wall_ms, gint64 boot_ms, gint64 bound_ms,
                            gint64 settle_ms)
{
  gboolean is_first = clock->wall_ms == 0;
  /* If the machine was started meanwhile, the time since its start counts. */
  gint64 passed_ms = boot_ms >= clock->boot_ms ? boot_ms - clock->boot_ms : boot_ms;
  gint64 ahead_ms = is_first ? 0 : clock->ahead_ms + wall_ms - clock->wall_ms - passed_ms;
  clock->wall_ms = wall_ms;
  clock->boot_ms = boot_ms;
  clock->unsettled_ms += passed_ms;
  if (ABS (ahead_ms) <= bound_ms || clock->ahead_ms == 0 || (ahead_ms < 0) != (clock->ahead_ms < 0))
    clock->unsettled_ms = 0;
  clock->ahead_ms = ABS (ahead_ms) <= bound_ms || clock->unsettled_ms > settle_ms ? 0 : ahead_ms;
  return clock->ahead_ms > 0;
}
