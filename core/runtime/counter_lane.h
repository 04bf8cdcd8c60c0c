/* SPDX-License-Identifier: MIT
 * Where counters are kept: each process has a lane, memory that it shares with master alone.  Master reads
 * lanes as hostile data (bounded, may be torn); they outlive the process, so that a count never goes back.
 */
#pragma once
#include <satchel/counter.h>

#define SATCHEL_COUNTER_RECORDS 512u /* of a lane; what finds no room is not counted */
#define SATCHEL_COUNTER_BUCKETS 38u  /* up to 2^0, 2^1 ... 2^36, and above */

typedef struct SatchelCounterRecord
{
  guint32 kind; /* SatchelCounterKind; set last, 0: free */
  guint32 reserved;
  char name[64];
  char labels[120];                           /* "service:imap,result:ok" */
  guint64 cells[2 + SATCHEL_COUNTER_BUCKETS]; /* [0]: the count, or value; of a histogram [1] is the sum, then
                                                 come the buckets */
} SatchelCounterRecord;
G_STATIC_ASSERT (sizeof (SatchelCounterRecord) == 512);

typedef struct SatchelCounterLane
{
  SatchelCounterRecord records[SATCHEL_COUNTER_RECORDS];
} SatchelCounterLane;

/* Where this process counts from now on; what it counted before is added there.  Before threads.  Borrowed
 * for ever. */
void satchel_counters_set_lane (SatchelCounterLane *lane);
/* Where it counts now. */
SatchelCounterLane *satchel_counters_lane (void);

/* The one that was registered last; borrowed, for the call below. */
const SatchelCounter *satchel_counters_newest (void);
/* Are those that were registered after @newest named as counters of module @name are (satchel/counter.h)?
 * Error: INVALID. */
gboolean satchel_counters_check (const SatchelCounter *newest, const char *name, GError **error);

typedef struct SatchelCounterTotals SatchelCounterTotals;
SatchelCounterTotals *satchel_counter_totals_new (void);
void satchel_counter_totals_free (SatchelCounterTotals *totals);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelCounterTotals, satchel_counter_totals_free)
/* Adds what @lane holds.  @has_ended: its process is gone for good, and its gauges with it. */
void satchel_counter_totals_add (SatchelCounterTotals *totals, const SatchelCounterLane *lane,
                                 gboolean has_ended);
void satchel_counter_totals_add_totals (SatchelCounterTotals *totals, const SatchelCounterTotals *other);
/* Appends a line each, by name and labels: "counter name=N kind=K labels=a:b,c:d value=V", of a histogram
 * "count=N sum=S buckets=LE:N,LE:N..." with the buckets that are not empty, each with all below it; seconds
 * have six places. */
void satchel_counter_totals_describe (const SatchelCounterTotals *totals, GString *out);
