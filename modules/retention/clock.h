/* SPDX-License-Identifier: MIT
 * The time that a removal is noted with. It never goes back behind a time that upkeep has trusted: a clock
 * that is set back by a year while something is removed must not have it purged when the clock is right
 * again.
 */
#pragma once
#include "retention.h"

/* Returns the time of a removal now, in seconds since 1970. [blocks] */
gint64 retention_clock_now (SatchelStorage *storage, const SatchelAccess *access);
/* Returns the latest time that upkeep has trusted; 0: none yet. [blocks] */
gint64 retention_clock_trusted (SatchelStorage *storage, const SatchelAccess *access);
/* Upkeep trusts @now_s; that is stored once a day. [blocks] */
gboolean retention_clock_trust (SatchelStorage *storage, const SatchelAccess *access, gint64 now_s,
                                GError **error);
