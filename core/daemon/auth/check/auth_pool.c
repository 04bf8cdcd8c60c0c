/* SPDX-License-Identifier: MIT
 * Implements password hashes on threads, within a budget of memory.
 */
#include "config.h"

#include "core/daemon/auth/check/auth_pool.h"

#include <satchel/hash.h>
#include <satchel/reactor.h>

#define SWEEP_MS 500
/* For this long after a login that needed no hash, hashes leave a processor to such logins. */
#define HURRY_MS 200

typedef struct
{
  SatchelHashPool *pool;
  char *place;
  guint64 cost_bytes;
  gint64 deadline_ms;
  SatchelJobFunc func;
  SatchelHashDoneFunc done;
  gpointer data;
} Work;

struct SatchelHashPool
{
  guint64 budget_bytes, used_bytes;
  guint max_running, n_running, max_waiting;
  gint64 max_wait_ms, hurry_until_ms;
  GQueue waiting;     /* Work, in order */
  GHashTable *places; /* network -> how many pieces of work wait */
  SatchelTimer sweep;
  gboolean is_sweeping;
};

SatchelHashPool *
satchel_hash_pool_new (guint64 budget_bytes, guint max_running, guint max_waiting, gint64 max_wait_ms)
{
  SatchelHashPool *pool = g_new0 (SatchelHashPool, 1);
  pool->budget_bytes = budget_bytes;
  pool->max_running = MAX (max_running, 1);
  pool->max_waiting = max_waiting;
  pool->max_wait_ms = max_wait_ms;
  g_queue_init (&pool->waiting);
  pool->places = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  return pool;
}

static void
work_free (Work *work)
{
  g_free (work->place);
  g_free (work);
}

static void
count_place (SatchelHashPool *pool, const char *place, gint change)
{
  gint n = GPOINTER_TO_INT (g_hash_table_lookup (pool->places, place)) + change;
  if (n > 0)
    g_hash_table_replace (pool->places, g_strdup (place), GINT_TO_POINTER (n));
  else
    g_hash_table_remove (pool->places, place);
}

static Work *
take_first (SatchelHashPool *pool)
{
  Work *work = g_queue_pop_head (&pool->waiting);
  if (work != NULL)
    count_place (pool, work->place, -1);
  return work;
}

void
satchel_hash_pool_free (SatchelHashPool *pool)
{
  if (pool == NULL)
    return;
  satchel_timer_cancel (&pool->sweep);
  for (Work *work; (work = take_first (pool)) != NULL; work_free (work))
    work->done (work->data, FALSE);
  g_hash_table_unref (pool->places);
  g_free (pool);
}

static void run_waiting (SatchelHashPool *pool);

static void
work_run (gpointer data)
{
  Work *work = data;
  work->func (work->data);
}

static void
work_done (gpointer data)
{
  Work *work = data;
  SatchelHashPool *pool = work->pool;
  pool->n_running--;
  pool->used_bytes -= work->cost_bytes;
  work->done (work->data, TRUE);
  work_free (work);
  run_waiting (pool);
}

/* Guesses must not take all processors from logins that need no hash. */
static guint
places (const SatchelHashPool *pool)
{
  return satchel_now_ms () < pool->hurry_until_ms ? pool->max_running - 1 : pool->max_running;
}

static gboolean
fits_budget (SatchelHashPool *pool, const Work *work)
{
  return pool->n_running == 0
         || (pool->n_running < places (pool) && pool->used_bytes + work->cost_bytes <= pool->budget_bytes);
}

/* Deadlines differ, so that any in the line may have passed. */
static void
sweep_late (SatchelTimer *timer, gpointer data)
{
  SatchelHashPool *pool = data;
  gint64 now_ms = satchel_now_ms ();
  pool->is_sweeping = FALSE;
  guint n = g_queue_get_length (&pool->waiting);
  g_autoptr (GPtrArray) late = g_ptr_array_new ();
  for (; n > 0; n--)
    {
      Work *work = take_first (pool);
      if (work->deadline_ms <= now_ms)
        {
          g_ptr_array_add (late, work);
          continue;
        }
      count_place (pool, work->place, 1);
      g_queue_push_tail (&pool->waiting, work);
    }
  for (guint i = 0; i < late->len; i++)
    {
      Work *work = late->pdata[i];
      work->done (work->data, FALSE);
      work_free (work);
    }
  run_waiting (pool);
}

static void
run_waiting (SatchelHashPool *pool)
{
  while (!g_queue_is_empty (&pool->waiting) && fits_budget (pool, g_queue_peek_head (&pool->waiting)))
    {
      Work *work = take_first (pool);
      if (work->deadline_ms <= satchel_now_ms ())
        {
          work->done (work->data, FALSE);
          work_free (work);
          continue;
        }
      pool->n_running++;
      pool->used_bytes += work->cost_bytes;
      satchel_job_submit (NULL, "auth verify", work_run, work_done, work);
    }
  if (g_queue_is_empty (&pool->waiting) || pool->is_sweeping)
    return;
  pool->is_sweeping = TRUE;
  satchel_timer_arm (&pool->sweep, SWEEP_MS, sweep_late, pool);
}

void
satchel_hash_pool_submit (SatchelHashPool *pool, const char *place, guint64 cost_bytes, gint64 deadline_ms,
                          SatchelJobFunc func, SatchelHashDoneFunc done, gpointer data)
{
  guint n_of_place = GPOINTER_TO_UINT (g_hash_table_lookup (pool->places, place));
  if (g_queue_get_length (&pool->waiting) >= pool->max_waiting || n_of_place > pool->max_waiting / 4)
    {
      done (data, FALSE);
      return;
    }
  Work *work = g_new0 (Work, 1);
  work->pool = pool;
  work->place = g_strdup (place);
  work->cost_bytes = cost_bytes;
  gint64 latest_ms = satchel_now_ms () + pool->max_wait_ms;
  work->deadline_ms = deadline_ms > 0 ? MIN (deadline_ms, latest_ms) : latest_ms;
  work->func = func;
  work->done = done;
  work->data = data;
  count_place (pool, place, 1);
  g_queue_push_tail (&pool->waiting, work);
  run_waiting (pool);
}

void
satchel_hash_pool_hurry (SatchelHashPool *pool)
{
  pool->hurry_until_ms = satchel_now_ms () + HURRY_MS;
}

guint
satchel_hash_pool_n_running (SatchelHashPool *pool)
{
  return pool->n_running;
}
