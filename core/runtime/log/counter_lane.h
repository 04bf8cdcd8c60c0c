/* SPDX-License-Identifier: MIT
 * Declares lanes, which hold counters. Each process has one, in memory that it shares with master alone.
 * Master reads lanes as hostile data: every value is bounded, and a read may see half of a write. A lane
 * outlives its process, so that no count ever decreases.
 */
#pragma once
#include <satchel/counter.h>

#define SATCHEL_COUNTER_RECORDS 512u /* records of a lane; a counter that finds no room is not counted */
#define SATCHEL_COUNTER_BUCKETS 38u  /* values up to 2^0, 2^1 ... 2^36, and above */

typedef struct SatchelCounterRecord
{
  guint32 kind; /* SatchelCounterKind, written after all other members; 0: the record is free */
  guint32 reserved;
  char name[64];
  char labels[120]; /* "service:imap,result:ok" */
  /* [0]: the count, or the value of a gauge; a histogram has its sum in [1] and its buckets behind that */
  guint64 cells[2 + SATCHEL_COUNTER_BUCKETS];
} SatchelCounterRecord;
G_STATIC_ASSERT (sizeof (SatchelCounterRecord) == 512);

typedef struct SatchelCounterLane
{
  SatchelCounterRecord records[SATCHEL_COUNTER_RECORDS];
} SatchelCounterLane;

/* Sets where this process counts from now on, and adds what it counted before. Called before threads exist.
 * @lane is borrowed for ever. */
void satchel_counters_set_lane (SatchelCounterLane *lane);
/* Returns where this process counts now. */
SatchelCounterLane *satchel_counters_lane (void);

/* Returns the counter that was registered last, borrowed, for the call below. */
const SatchelCounter *satchel_counters_newest (void);
/* Says whether counters that were registered after @newest are named as those of module @name must be
 * (satchel/counter.h). Error: INVALID. */
gboolean satchel_counters_check (const SatchelCounter *newest, const char *name, GError **error);

typedef struct SatchelCounterTotals SatchelCounterTotals;
SatchelCounterTotals *satchel_counter_totals_new (void);
void satchel_counter_totals_free (SatchelCounterTotals *totals);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelCounterTotals, satchel_counter_totals_free)
/* Adds what @lane holds. @has_ended: its process has ended for good, so its gauges are left out. */
void satchel_counter_totals_add (SatchelCounterTotals *totals, const SatchelCounterLane *lane,
                                 gboolean has_ended);
void satchel_counter_totals_add_totals (SatchelCounterTotals *totals, const SatchelCounterTotals *other);
/* Appends one line for each counter, sorted by name and labels: "counter name=N kind=K labels=a:b,c:d
 * value=V". A histogram has "count=N sum=S buckets=LE:N,LE:N..." instead of a value, with the buckets that
 * are not empty, each of which includes all below it. Seconds have six places. */
void satchel_counter_totals_describe (const SatchelCounterTotals *totals, GString *out);
