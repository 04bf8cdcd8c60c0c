/* SPDX-License-Identifier: MIT
 * This header declares password hashes on threads: only as many at a time as fit into their memory budget, in
 * order, and nobody waits past a deadline.  Main thread.
 */
#pragma once
#include <satchel/job.h>

typedef struct SatchelHashPool SatchelHashPool;
/* It is called in the main thread, once.  @ran FALSE: the deadline passed, or too many wait; func was not
 * called. */
typedef void (*SatchelHashDoneFunc) (gpointer data, gboolean ran);
/* At least one job runs at a time, whatever it costs. */
SatchelHashPool *satchel_hash_pool_new (guint64 budget_bytes, guint max_running, guint max_waiting,
                                        gint64 max_wait_ms);
/* `done` of waiting jobs is called with @ran FALSE; running jobs must have ended. */
void satchel_hash_pool_free (SatchelHashPool *pool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelHashPool, satchel_hash_pool_free)
/* @place is whose job it is; one place may fill a quarter of the waiting line.  @deadline_ms: monotonic, 0:
 * only the pool's own.  @done may be called before this returns if ran is FALSE. */
void satchel_hash_pool_submit (SatchelHashPool *pool, const char *place, guint64 cost_bytes,
                               gint64 deadline_ms, SatchelJobFunc func, SatchelHashDoneFunc done,
                               gpointer data);
/* Somebody has logged in without a hash: for a moment, one processor is left to such logins, which guesses
 * would slow down otherwise.  One hash runs at any time. */
void satchel_hash_pool_hurry (SatchelHashPool *pool);
guint satchel_hash_pool_n_running (SatchelHashPool *pool);
