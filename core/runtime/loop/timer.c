/* SPDX-License-Identifier: MIT
 * The timer wheel has three levels of 256 slots (of 100 ms, 25.6 s and 1.8 h). Arming and cancelling take
 * constant time, and the loop sleeps until a slot that holds a timer. Timers beyond that wait in the last
 * level and are placed again.
 */
#include "config.h"

#include "core/runtime/loop/reactor_private.h"
#include <string.h>

#define TICK_MS 100
#define SLOTS 256u
#define LEVELS 3

typedef struct Level
{
  SatchelTimer *slots[SLOTS];
  /* a bit for each slot that may hold timers; it may outlive the last timer, and is cleared when the slot is
   * looked at */
  guint64 used[SLOTS / 64];
} Level;

static Level levels[LEVELS];
static gint64 current_tick; /* every timer up to this tick has run */
static guint n_armed;

static gint64
tick_of (gint64 due_ms)
{
  return (due_ms + TICK_MS - 1) / TICK_MS;
}

static void
link_timer (SatchelTimer *timer, SatchelTimer **head)
{
  timer->next = *head;
  timer->link = head;
  if (timer->next != NULL)
    timer->next->link = &timer->next;
  *head = timer;
}

static void
unlink_timer (SatchelTimer *timer)
{
  *timer->link = timer->next;
  if (timer->next != NULL)
    timer->next->link = timer->link;
  timer->next = NULL;
  timer->link = NULL;
}

/* Puts a timer into a slot. @earliest: the first tick that will still be looked at. */
static void
place_timer (SatchelTimer *timer, gint64 earliest)
{
  gint64 tick = MAX (tick_of (timer->due_ms), earliest);
  gint64 delta = tick - current_tick;
  guint level = delta < SLOTS ? 0 : delta < SLOTS * SLOTS ? 1 : 2;
  if (delta >= (gint64) SLOTS * SLOTS * SLOTS)
    tick = current_tick + (gint64) SLOTS * SLOTS * SLOTS - 1;
  guint slot = (guint) (tick >> (8 * level)) % SLOTS;
  link_timer (timer, &levels[level].slots[slot]);
  levels[level].used[slot / 64] |= G_GUINT64_CONSTANT (1) << (slot % 64);
}

void
satchel_timer_set (SatchelTimer *timer, gint64 delay_ms, SatchelTimerFunc func, gpointer data)
{
  gint64 now_ms = satchel_clock_ms ();
  satchel_timer_cancel (timer);
  if (n_armed == 0)
    current_tick = now_ms / TICK_MS;
  timer->due_ms = now_ms + MAX (delay_ms, 0);
  timer->func = func;
  timer->data = data;
  n_armed++;
  place_timer (timer, current_tick + 1);
}

void
satchel_timer_cancel (SatchelTimer *timer)
{
  if (timer->due_ms == 0)
    return;
  timer->due_ms = 0;
  n_armed--;
  unlink_timer (timer);
}

/* Returns the distance from slot @first, around the circle, to the first used one; -1 means that none is
 * used. */
static int
next_used (Level *level, guint first)
{
  for (guint i = 0; i < SLOTS;)
    {
      guint slot = (first + i) % SLOTS;
      guint64 word = level->used[slot / 64] >> (slot % 64);
      if (word == 0)
        {
          i += 64 - slot % 64;
          continue;
        }
      guint skip = (guint) __builtin_ctzll (word);
      i += skip;
      slot = (first + i) % SLOTS;
      if (i >= SLOTS)
        break;
      if (level->slots[slot] != NULL)
        return (int) i;
      level->used[slot / 64] &= ~(G_GUINT64_CONSTANT (1) << (slot % 64));
    }
  return -1;
}

gint64
satchel_timer_next_ms (void)
{
  if (n_armed == 0)
    return -1;
  gint64 best = G_MAXINT64;
  for (guint i = 0; i < LEVELS; i++)
    {
      gint64 position = current_tick >> (8 * i);
      int distance = next_used (&levels[i], (guint) (position + 1) % SLOTS);
      if (distance >= 0)
        best = MIN (best, (position + 1 + distance) << (8 * i));
    }
  return best == G_MAXINT64 ? -1 : best * TICK_MS;
}

/* Moves the timers of a higher level's slot down, at the tick where the time of the slot begins. */
static void
cascade_level (guint level)
{
  guint slot = (guint) (current_tick >> (8 * level)) % SLOTS;
  if (slot == 0 && level + 1 < LEVELS)
    cascade_level (level + 1);
  static SatchelTimer *list;
  list = levels[level].slots[slot];
  levels[level].slots[slot] = NULL;
  if (list != NULL)
    list->link = &list;
  while (list != NULL)
    {
      SatchelTimer *timer = list;
      unlink_timer (timer);
      place_timer (timer, current_tick);
    }
}

static void
run_slot (gint64 now_ms)
{
  static SatchelTimer *due; /* The list is static, since a callback may cancel a timer that waits in it. */
  due = levels[0].slots[current_tick % SLOTS];
  if (due == NULL)
    return;
  levels[0].slots[current_tick % SLOTS] = NULL;
  due->link = &due;
  while (due != NULL)
    {
      SatchelTimer *timer = due;
      unlink_timer (timer);
      if (timer->due_ms > now_ms)
        {
          place_timer (timer, current_tick + 1);
          continue;
        }
      timer->due_ms = 0;
      n_armed--;
      timer->func (timer, timer->data);
    }
}

void
satchel_timer_run (gint64 now_ms)
{
  gint64 now_tick = now_ms / TICK_MS;
  while (current_tick < now_tick)
    {
      gint64 next = satchel_timer_next_ms ();
      if (next < 0 || next > now_ms)
        {
          /* Nothing is due until now; but the wheel must never jump over the start of a slot that has to come
           * down later. */
          current_tick = now_tick;
          return;
        }
      current_tick = MAX (current_tick + 1, next / TICK_MS);
      if (current_tick % SLOTS == 0)
        cascade_level (1);
      run_slot (now_ms);
    }
}
