/* SPDX-License-Identifier: MIT
 * The server's limits, for protocols.
 */
#include "config.h"

#include "core/session/limits.h"

static const SatchelConfig *limits_now;

void
satchel_limits_set (const SatchelConfig *limits)
{
  g_atomic_pointer_set (&limits_now, limits);
}

const SatchelConfig *
satchel_limits (void)
{
  return g_atomic_pointer_get (&limits_now);
}
