/* SPDX-License-Identifier: MIT
 * Budgets of log lines: bounds a place and in all, what is left out is counted, memory is bounded.
 */
#include "core/runtime/log/log_private.h"
#include "core/session/gate/log_budget.h"
#include "tests/lib/loop.h"

#include <string.h>

static GString *lines;

static void
collect (SatchelLogLevel level, const char *area, const char *message)
{
  (void) level;
  g_string_append_printf (lines, "%s: %s\n", area, message);
}

static guint
take_many (SatchelLogBudget *budget, const char *kind, const char *peer, guint n)
{
  guint n_taken = 0;
  for (guint i = 0; i < n; i++)
    n_taken += satchel_log_budget_take (budget, kind, peer) ? 1 : 0;
  return n_taken;
}

static const SatchelLogBudget usual = {
  .area = "gate", .burst = 20, .an_hour = 1, .burst_in_all = 1000, .a_second = 1
};

static void
test_place (void)
{
  static SatchelLogBudget budget; /* its timer outlives the case */
  budget = usual;
  g_assert_cmpuint (take_many (&budget, "tls failed: a", "192.0.2.1", 5000), ==, 20);
  g_assert_cmpuint (take_many (&budget, "tls failed: b", "192.0.2.1", 1000), ==, 0); /* the same kind */
  g_assert_cmpuint (take_many (&budget, "closed", "192.0.2.1", 30), ==, 20);
  g_assert_cmpuint (take_many (&budget, "tls failed", "192.0.2.2", 30), ==, 20);
  /* One customer's /64 is one place, the next is another. */
  g_assert_cmpuint (take_many (&budget, "tls failed", "2001:db8::1", 15), ==, 15);
  g_assert_cmpuint (take_many (&budget, "tls failed", "2001:db8::ffff:0:1", 15), ==, 5);
  g_assert_cmpuint (take_many (&budget, "tls failed", "2001:db8:0:1::1", 15), ==, 15);
  g_assert_cmpuint (take_many (&budget, "tls failed", "::ffff:192.0.2.2", 15), ==, 0);
  g_assert_cmpuint (take_many (&budget, "tls failed", "local", 30), ==, 20);
  g_string_truncate (lines, 0);
  satchel_log_budget_tell (&budget);
  static const char *const told[] = { "gate: tls failed: 5980 more lines like this from 192.0.2.1\n",
                                      "gate: closed: 10 more lines like this from 192.0.2.1\n",
                                      "gate: tls failed: 25 more lines like this from 192.0.2.2\n",
                                      "gate: tls failed: 10 more lines like this from 2001:db8::/64\n",
                                      "gate: tls failed: 10 more lines like this from local\n" };
  gsize len = 0;
  for (guint i = 0; i < G_N_ELEMENTS (told); i++)
    {
      g_assert_nonnull (strstr (lines->str, told[i]));
      len += strlen (told[i]);
    }
  g_assert_cmpuint (lines->len, ==, len);
  g_string_truncate (lines, 0);
  satchel_log_budget_tell (&budget);
  g_assert_cmpstr (lines->str, ==, "");
}

/* Many places share a bound; those that are new keep half of it. */
static void
test_in_all (void)
{
  static SatchelLogBudget budget; /* its timer outlives the case */
  budget = usual;
  guint n = 0;
  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *peer = g_strdup_printf ("192.0.2.%u", i);
      n += take_many (&budget, "tls failed", peer, 100);
    }
  g_assert_cmpuint (n, ==, 1000);
  static SatchelLogBudget next;
  next = usual;
  for (guint i = 0; i < 40; i++)
    {
      g_autofree char *peer = g_strdup_printf ("192.0.2.%u", i);
      take_many (&next, "tls failed", peer, 100);
    }
  g_assert_cmpuint (take_many (&next, "tls failed", "198.51.100.1", 100), >=, 10);
}

/* A sender with more addresses than the table has room for. */
static void
test_memory (void)
{
  static SatchelLogBudget budget; /* its timer outlives the case */
  budget = usual;
  const guint n = 20000;
  guint n_taken = 0;
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *peer = g_strdup_printf ("2001:db8:%x:%x::1", i >> 8, i & 255);
      n_taken += take_many (&budget, "tls failed", peer, 3);
    }
  g_assert_cmpuint (n_taken, <=, 1003); /* a second or two may pass */
  g_string_truncate (lines, 0);
  satchel_log_budget_tell (&budget);
  /* All that was left out is in the counts, in a few lines. */
  guint64 sum = 0;
  g_auto (GStrv) told = g_strsplit (lines->str, "\n", -1);
  g_assert_cmpuint (g_strv_length (told), <=, 22);
  for (guint i = 0; told[i][0] != '\0'; i++)
    {
      const char *at = strstr (told[i], "tls failed: ");
      sum += g_ascii_strtoull (at != NULL ? at + 12 : told[i] + 6, NULL, 10);
    }
  g_assert_cmpuint (sum, ==, 3 * n - n_taken);
}

static gpointer
take_in_thread (gpointer budget)
{
  return GUINT_TO_POINTER (take_many (budget, "closed", "192.0.2.1", 1000));
}

static void
test_threads (void)
{
  static SatchelLogBudget budget;
  budget = usual;
  GThread *threads[4];
  guint n = 0;
  for (guint i = 0; i < 4; i++)
    threads[i] = g_thread_new ("take", take_in_thread, &budget);
  for (guint i = 0; i < 4; i++)
    n += GPOINTER_TO_UINT (g_thread_join (threads[i]));
  g_assert_cmpuint (n, ==, 20);
  loop_settle ();
  g_assert_cmpint (budget.timer.due_ms, !=, 0); /* the count will be told */
  satchel_timer_cancel (&budget.timer);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  lines = g_string_new (NULL);
  satchel_log_divert (collect);
  g_test_add_func ("/session/log-budget/place", test_place);
  g_test_add_func ("/session/log-budget/in-all", test_in_all);
  g_test_add_func ("/session/log-budget/memory", test_memory);
  g_test_add_func ("/session/log-budget/threads", test_threads);
  return g_test_run ();
}
