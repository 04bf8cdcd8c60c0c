/* SPDX-License-Identifier: MIT
 * Counters of failed logins and the table that they live in, next to models that are slow and plain.
 */
#include "config.h"

#include "core/daemon/auth/auth_lru.h"
#include "core/daemon/auth/auth_throttle.h"
#include "tests/lib/seed.h"

#include <string.h>

#define MINUTE_MS (60 * (gint64) 1000)
#define PERIOD_MS (5 * MINUTE_MS)

/* ---- the table ---- */

#define N_ENTRIES 5u

static guint n_cleared;
static guint32 last_cleared;

static void
note_cleared (gpointer value)
{
  n_cleared++;
  last_cleared = *(guint32 *) value;
}

static gboolean
is_multiple (gpointer value, gpointer data)
{
  return *(guint32 *) value % *(guint32 *) data == 0;
}

/* Keys that begin alike and differ in length, with their value inside. */
static gsize
key_of (guint32 value, char *key)
{
  gsize len = 1 + value % 7;
  memset (key, 'k', len);
  key[len - 1] = (char) value;
  return len;
}

/* @model: values, the most recently used first. */
static void
model_use (GArray *model, guint32 value)
{
  for (guint i = 0; i < model->len; i++)
    if (g_array_index (model, guint32, i) == value)
      {
        g_array_remove_index (model, i);
        g_array_prepend_val (model, value);
        return;
      }
}

static gboolean
model_has (const GArray *model, guint32 value)
{
  for (guint i = 0; i < model->len; i++)
    if (g_array_index (model, guint32, i) == value)
      return TRUE;
  return FALSE;
}

static void
add_to_both (SatchelLru *lru, GArray *model, guint32 value)
{
  char key[8];
  gsize len = key_of (value, key);
  guint before = n_cleared;
  gboolean was_there = model_has (model, value), is_full = model->len == N_ENTRIES;
  guint32 oldest = is_full ? g_array_index (model, guint32, N_ENTRIES - 1) : 0;
  guint32 *stored = satchel_lru_add (lru, key, len);
  g_assert_cmpuint (*stored, ==, was_there ? value : 0);
  *stored = value;
  g_assert_cmpuint (n_cleared - before, ==, !was_there && is_full ? 1 : 0);
  if (was_there)
    {
      model_use (model, value);
      return;
    }
  if (is_full)
    {
      g_assert_cmpuint (last_cleared, ==, oldest);
      g_array_set_size (model, N_ENTRIES - 1);
    }
  g_array_prepend_val (model, value);
}

static void
remove_from_both (SatchelLru *lru, GArray *model, guint32 value)
{
  char key[8];
  gsize len = key_of (value, key);
  guint before = n_cleared;
  gboolean was_there = model_has (model, value);
  satchel_lru_remove (lru, key, len);
  g_assert_cmpuint (n_cleared - before, ==, was_there ? 1 : 0);
  model_use (model, value);
  if (was_there)
    g_array_remove_index (model, 0);
}

static void
remove_multiples_from_both (SatchelLru *lru, GArray *model, guint32 of)
{
  guint before = n_cleared, n_before = model->len;
  satchel_lru_remove_if (lru, is_multiple, &of);
  for (guint i = model->len; i > 0; i--)
    if (g_array_index (model, guint32, i - 1) % of == 0)
      g_array_remove_index (model, i - 1);
  g_assert_cmpuint (n_cleared - before, ==, n_before - model->len);
}

static void
find_in_both (SatchelLru *lru, GArray *model, guint32 value)
{
  char key[8];
  gsize len = key_of (value, key);
  const guint32 *found = satchel_lru_find (lru, key, len);
  g_assert_cmpint (found != NULL, ==, model_has (model, value));
  if (found != NULL)
    g_assert_cmpuint (*found, ==, value);
  model_use (model, value);
}

static void
test_lru (void)
{
  SatchelLru *lru = satchel_lru_new_full (sizeof (guint32), N_ENTRIES, note_cleared);
  g_autoptr (GArray) model = g_array_new (FALSE, FALSE, sizeof (guint32));
  for (guint i = 0; i < 20000; i++)
    {
      guint32 value = (guint32) g_test_rand_int_range (1, 12);
      switch (g_test_rand_int_range (0, 40))
        {
        case 0:
          satchel_lru_clear (lru);
          g_array_set_size (model, 0);
          break;
        case 1 ... 2:
          remove_multiples_from_both (lru, model, value);
          break;
        case 3 ... 6:
          remove_from_both (lru, model, value);
          break;
        case 7 ... 20:
          find_in_both (lru, model, value);
          break;
        default:
          add_to_both (lru, model, value);
        }
      g_assert_cmpuint (satchel_lru_count (lru), ==, model->len);
    }
  guint before = n_cleared;
  satchel_lru_free (lru);
  g_assert_cmpuint (n_cleared - before, ==, model->len);
}

/* ---- failed logins ---- */

typedef struct Attempt
{
  guint who; /* name and whether it is one of the place that is known */
  gint64 period;
  gboolean is_back;
  SatchelAttempt attempt;
} Attempt;

static guint
n_within_the_hour (const GArray *attempts, guint who, gint64 period)
{
  guint n = 0;
  for (guint i = 0; i < attempts->len; i++)
    {
      const Attempt *one = &g_array_index (attempts, Attempt, i);
      n += one->who == who && !one->is_back && period - one->period < 13;
    }
  return n;
}

/* Names of users and strangers, a known place and another: attempts of each count for themselves, for
 * thirteen periods of five minutes, unless they were given back. */
static void
test_throttle (void)
{
  static const char *const names[] = { "anna@x", "bob@x", "stranger@x" };
  static const char *const places[] = { "192.0.2.1", "198.51.100.1" };
  g_autoptr (SatchelThrottle) throttle = satchel_throttle_new ();
  g_autoptr (GArray) attempts = g_array_new (FALSE, FALSE, sizeof (Attempt));
  satchel_throttle_remember (throttle, "anna@x", places[0]);
  gint64 now_ms = 1000;
  for (guint i = 0; i < 6000; i++)
    {
      now_ms += g_test_rand_int_range (0, 20) == 0 ? g_test_rand_int_range (0, 80) * MINUTE_MS
                                                   : g_test_rand_int_range (0, 90000);
      if (g_test_rand_int_range (0, 4) == 0 && attempts->len > 0)
        {
          Attempt *one = &g_array_index (
              attempts, Attempt,
              g_test_rand_int_range ((gint32) MAX (attempts->len, 8u) - 8, (gint32) attempts->len));
          guint name = one->who % 10;
          one->is_back = TRUE;
          satchel_throttle_give_back (throttle, names[name], name < 2, places[one->who >= 10 ? 0 : 1],
                                      &one->attempt);
          continue;
        }
      guint name = (guint) g_test_rand_int_range (0, 3), place = (guint) g_test_rand_int_range (0, 2);
      guint who = name + (name == 0 && place == 0 ? 10 : 0);
      Attempt one = { .who = who, .period = now_ms / PERIOD_MS };
      gboolean is_let =
          satchel_throttle_begin (throttle, names[name], name < 2, places[place], 6, now_ms, &one.attempt);
      g_assert_cmpint (is_let, ==, n_within_the_hour (attempts, who, now_ms / PERIOD_MS) < 6);
      if (is_let)
        g_array_append_val (attempts, one);
    }
}

/* Failures of an address within the hour, and how long its answers wait: twice as long with each fifth, at
 * most eight times. */
static void
test_places (void)
{
  g_autoptr (SatchelThrottle) throttle = satchel_throttle_new ();
  g_autoptr (GArray) attempts = g_array_new (FALSE, FALSE, sizeof (Attempt));
  gint64 now_ms = 0;
  for (guint i = 0; i < 2000; i++)
    {
      now_ms += g_test_rand_int_range (0, 100) == 0 ? 70 * MINUTE_MS : g_test_rand_int_range (0, 600000);
      Attempt one = { .period = now_ms / PERIOD_MS };
      g_array_append_val (attempts, one);
      g_assert_cmpuint (satchel_throttle_fail_place (throttle, "192.0.2.1", now_ms), ==,
                        n_within_the_hour (attempts, 0, now_ms / PERIOD_MS));
    }
  static const gint64 seconds[] = { 2, 2, 2, 2, 2, 4, 4, 4, 4, 4, 8, 8, 8, 8, 8, 16, 16 };
  for (guint n = 0; n < G_N_ELEMENTS (seconds); n++)
    g_assert_cmpint (satchel_throttle_delay_ms (n, 2000), ==, seconds[n] * 1000);
  g_assert_cmpint (satchel_throttle_delay_ms (20, 2000), ==, 16000);
  g_assert_cmpint (satchel_throttle_delay_ms (G_MAXUINT, 2000), ==, 16000);
}

int
main (int argc, char **argv)
{
  seed_test (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL);
  g_test_add_func ("/auth/models/lru", test_lru);
  g_test_add_func ("/auth/models/throttle", test_throttle);
  g_test_add_func ("/auth/models/places", test_places);
  return g_test_run ();
}
