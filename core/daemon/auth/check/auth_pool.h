/* SPDX-License-Identifier: MIT
 * Declares password hashes on threads: only as many at a time as fit into their memory budget, in order, and
 * nobody waits past a deadline. Main thread.
 */
#pragma once
#include <satchel/job.h>

typedef struct SatchelHashPool SatchelHashPool;
/* Is called once, in the main thread. @ran FALSE means that func was not called, since the deadline passed or
 * too many wait. */
typedef void (*SatchelHashDoneFunc) (gpointer data, gboolean ran);
/* Makes a pool.  At least one job runs at a time, whatever it costs. */
SatchelHashPool *satchel_hash_pool_new (guint64 budget_bytes, guint max_running, guint max_waiting,
                                        gint64 max_wait_ms);
/* Frees the pool, and calls `done` of waiting jobs with @ran FALSE.  Running jobs must have ended. */
void satchel_hash_pool_free (SatchelHashPool *pool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelHashPool, satchel_hash_pool_free)
/* Submits a job.  @place is the network for which it is done; one network may fill a quarter of the waiting
 * line.  @deadline_ms is monotonic; 0: only the pool's own deadline counts.  With @ran FALSE, @done may be
 * called before this returns. */
void satchel_hash_pool_submit (SatchelHashPool *pool, const char *place, guint64 cost_bytes,
                               gint64 deadline_ms, SatchelJobFunc func, SatchelHashDoneFunc done,
                               gpointer data);
/* Notes a login that needed no hash: for a moment one processor is left to such logins, so that guesses
 * cannot slow them down.  At least one hash runs at any time. */
void satchel_hash_pool_hurry (SatchelHashPool *pool);
guint satchel_hash_pool_n_running (SatchelHashPool *pool);
