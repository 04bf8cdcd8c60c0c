/* SPDX-License-Identifier: MIT
 * The table that forgets what was used least recently, next to a model that is slow and plain.
 */
#include "config.h"

#include "core/daemon/auth/check/auth_lru.h"
#include "tests/lib/seed.h"

#include <string.h>

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

int
main (int argc, char **argv)
{
  seed_test (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL);
  g_test_add_func ("/auth/models/lru", test_lru);
  return g_test_run ();
}
