/* SPDX-License-Identifier: MIT
 * How many log lines a stranger may cause: so many of one place (an IPv4 address, an IPv6 /64) and kind, so
 * many in all; what is left out is counted and told.  Bounded memory, each process its own.  Any thread.
 */
#pragma once
#include <glib.h>
#include <satchel/reactor.h>

/* Where a connection comes from, as counters see it: an IPv4 address, the /64 of an IPv6 one, "local". FALSE:
 * not a peer. */
#define SATCHEL_PLACE_BYTES 48
gboolean satchel_place_from_peer (const char *peer, char ret_place[SATCHEL_PLACE_BYTES]);

typedef struct SatchelLogEntry SatchelLogEntry;
typedef struct SatchelLogBudget
{
  const char *area;
  guint burst, an_hour;         /* lines of one place and kind: at once, and again within an hour */
  guint burst_in_all, a_second; /* and of all */
  /* Private; zero at first. */
  GMutex lock;
  SatchelLogEntry *entries;
  gint64 due_us;
  guint64 n_of_others;
  gboolean is_armed;
  SatchelTimer timer;
} SatchelLogBudget;

/* May a line about @peer be written?  @kind: its first words; what follows a ':' does not matter.  FALSE: it
 * is counted, and told within half a minute as "KIND: N more lines like this from PLACE".  @peer may be a
 * word of ours instead. */
gboolean satchel_log_budget_take (SatchelLogBudget *budget, const char *kind, const char *peer);
/* What was left out so far, now. */
void satchel_log_budget_tell (SatchelLogBudget *budget);
