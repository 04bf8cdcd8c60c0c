/* SPDX-License-Identifier: MIT
 * Bounds for log lines that strangers can cause: for each place (an IPv4 address, an IPv6 /64) and kind, and
 * for all together.  Lines that are left out are counted, and the count is logged.  Memory is bounded; each
 * process has its own budget.  Any thread.
 */
#pragma once
#include <glib.h>
#include <satchel/reactor.h>

/* Writes the place of a connection as counters see it: an IPv4 address, the /64 of an IPv6 one, or "local".
 * FALSE means that @peer is no peer's address. */
#define SATCHEL_PLACE_BYTES 48
gboolean satchel_place_from_peer (const char *peer, char ret_place[SATCHEL_PLACE_BYTES]);

typedef struct SatchelLogEntry SatchelLogEntry;
typedef struct SatchelLogBudget
{
  const char *area;
  guint burst, an_hour;         /* lines of one place and kind: at once, and within an hour */
  guint burst_in_all, a_second; /* lines of all places and kinds together */
  /* log_budget.c alone uses these; they are zero at first. */
  GMutex lock;
  SatchelLogEntry *entries;
  gint64 due_us;
  guint64 n_of_others;
  gboolean is_armed;
  SatchelTimer timer;
} SatchelLogBudget;

/* Says whether a line about @peer may be written.  @kind is its first words, up to a ':'.  FALSE means that
 * the line is counted, and within half a minute "KIND: N more lines like this from PLACE" is logged.  @peer
 * may also be a word of the server's own. */
gboolean satchel_log_budget_take (SatchelLogBudget *budget, const char *kind, const char *peer);
/* Logs now how many lines were left out so far. */
void satchel_log_budget_tell (SatchelLogBudget *budget);
