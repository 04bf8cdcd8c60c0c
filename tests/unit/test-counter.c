/* SPDX-License-Identifier: MIT
 * Counters: what is counted in several processes and threads is what is shown, whatever a lane holds.
 */
#include "config.h"

#include "core/runtime/log/counter_lane.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_THREADS 4
#define N_EACH 20000

SATCHEL_COUNTER (plain, "satchel_test_total", "Things");
SATCHEL_COUNTER (labelled, "satchel_test_results_total", "Things by result", "service", "result");
SATCHEL_GAUGE (now, "satchel_test_now", "Things that are there now");
SATCHEL_HISTOGRAM (sizes, "satchel_test_bytes", "Sizes of things");
SATCHEL_HISTOGRAM (times, "satchel_test_seconds", "Times of things");

static SatchelCounterLane *
new_lane (void)
{
  SatchelCounterLane *lane =
      mmap (NULL, sizeof *lane, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g_assert_true (lane != MAP_FAILED);
  return lane;
}

static char *
describe (const SatchelCounterLane *first, const SatchelCounterLane *second)
{
  g_autoptr (SatchelCounterTotals) totals = satchel_counter_totals_new ();
  GString *text = g_string_new (NULL);
  satchel_counter_totals_add (totals, first, FALSE);
  if (second != NULL)
    satchel_counter_totals_add (totals, second, FALSE);
  satchel_counter_totals_describe (totals, text);
  return g_string_free (text, FALSE);
}

static void
assert_has (const char *text, const char *line)
{
  g_autofree char *whole = g_strconcat ("counter name=", line, "\n", NULL);
  if (strstr (text, whole) == NULL)
    g_error ("no line \"%s\" in:\n%s", line, text);
}

/* ---- one process ---- */

static void
test_labels (void)
{
  SatchelCounterLane *lane = new_lane ();
  satchel_counter_add (&labelled, 2, "imap", "ok"); /* before the lane is there */
  satchel_counters_set_lane (lane);
  satchel_counter_add (&labelled, 1, "imap", "ok");
  satchel_counter_add (&labelled, 1, "imap", "bad\"pass\nword");
  satchel_counter_add (&labelled, 1, "pop3"); /* one value too few */
  satchel_counter_add (&labelled, 1, "a service with a name that is longer than 23 bytes", "ok");
  satchel_counter_add (&now, 5);
  satchel_counter_add (&now, -3);
  g_autofree char *text = describe (lane, NULL);
  assert_has (text, "satchel_test_results_total kind=counter labels=service:imap,result:ok value=3");
  assert_has (text,
              "satchel_test_results_total kind=counter labels=service:imap,result:bad_pass_word value=1");
  assert_has (text, "satchel_test_results_total kind=counter labels=service:pop3,result: value=1");
  assert_has (
      text,
      "satchel_test_results_total kind=counter labels=service:a_service_with_a_name_t,result:ok value=1");
  assert_has (text, "satchel_test_now kind=gauge labels= value=2");
  assert_has (text, "satchel_test_total kind=counter labels= value=0"); /* never happened, and shown */
}

static void
test_bound_of_labels (void)
{
  SatchelCounterLane *lane = new_lane ();
  satchel_counters_set_lane (lane);
  for (guint i = 0; i < 1000; i++)
    {
      g_autofree char *service = g_strdup_printf ("s%u", i);
      satchel_counter_add (&labelled, 1, service, "x");
    }
  g_autofree char *text = describe (lane, NULL);
  g_auto (GStrv) lines = g_strsplit (text, "satchel_test_results_total", -1);
  g_assert_cmpuint (g_strv_length (lines), <=, 1 + SATCHEL_COUNTER_SERIES + 1);
  guint64 sum = 0, other = 0;
  for (char **line = lines + 1; *line != NULL; line++)
    {
      guint64 value = g_ascii_strtoull (strstr (*line, "value=") + 6, NULL, 10);
      if (strstr (*line, "result:x") != NULL)
        sum += value;
      if (strstr (*line, "service:other,result:other") != NULL)
        other = value;
    }
  g_assert_cmpuint (sum + other, ==, 1000);
  g_assert_cmpuint (other, >, 1000 - SATCHEL_COUNTER_SERIES - 1);
}

static void
test_buckets (void)
{
  SatchelCounterLane *lane = new_lane ();
  satchel_counters_set_lane (lane);
  static const guint64 observed[] = {
    0, 1, 2, 3, 4, 5, 1024, 1025, G_GUINT64_CONSTANT (1) << 36, (G_GUINT64_CONSTANT (1) << 36) + 1
  };
  for (guint i = 0; i < G_N_ELEMENTS (observed); i++)
    satchel_counter_observe (&sizes, observed[i]);
  satchel_counter_observe (&times, 1500000);
  g_autofree char *text = describe (lane, NULL);
  assert_has (text, "satchel_test_bytes kind=histogram labels= count=10 sum=137438955537 "
                    "buckets=1:2,2:3,4:5,8:6,1024:7,2048:8,68719476736:9,inf:10");
  assert_has (text, "satchel_test_seconds kind=histogram labels= count=1 sum=1.500000 buckets=2.097152:1");
}

static void
test_full_lane (void)
{
  SatchelCounterLane *lane = new_lane ();
  for (guint i = 0; i < SATCHEL_COUNTER_RECORDS; i++)
    {
      lane->records[i].kind = SATCHEL_KIND_OF_COUNTER;
      g_snprintf (lane->records[i].name, sizeof lane->records[i].name, "satchel_other%u", i);
    }
  satchel_counters_set_lane (lane);
  satchel_counter_add (&labelled, 1, "new", "one");
  satchel_counter_add (&plain, 1);
  g_autofree char *text = describe (lane, NULL);
  g_assert_null (strstr (text, "satchel_test"));
  assert_has (text, "satchel_other511 kind=counter labels= value=0");
}

/* ---- several ---- */

static gpointer
count_many (gpointer data)
{
  for (guint i = 0; i < N_EACH; i++)
    {
      satchel_counter_add (&plain, 1);
      satchel_counter_add (&labelled, 1, "many", i % 2 == 0 ? "even" : "odd");
      satchel_counter_observe (&sizes, i);
    }
  return NULL;
}

static void
child_main (SatchelCounterLane *lane)
{
  GThread *threads[N_THREADS];
  satchel_counters_set_lane (lane);
  satchel_counter_add (&now, 1);
  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("count", count_many, NULL);
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  _exit (0);
}

static pid_t
start_child (SatchelCounterLane *lane)
{
  pid_t pid = fork ();
  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    child_main (lane);
  return pid;
}

static guint64
value_of (const SatchelCounterLane *lane, const char *name)
{
  g_autofree char *text = describe (lane, NULL);
  const char *line = strstr (text, name);
  return line == NULL ? 0 : g_ascii_strtoull (strstr (line, "value=") + 6, NULL, 10);
}

static void
test_processes (void)
{
  SatchelCounterLane *first = new_lane (), *second = new_lane ();
  pid_t pids[] = { start_child (first), start_child (second) };
  for (guint i = 0; i < G_N_ELEMENTS (pids); i++)
    {
      int status;
      g_assert_cmpint (waitpid (pids[i], &status, 0), ==, pids[i]);
      g_assert_cmpint (status, ==, 0);
    }
  g_autofree char *text = describe (first, second);
  assert_has (text, "satchel_test_total kind=counter labels= value=160000");
  assert_has (text, "satchel_test_results_total kind=counter labels=service:many,result:odd value=80000");
  assert_has (text, "satchel_test_now kind=gauge labels= value=2");
  g_assert_nonnull (strstr (text, "satchel_test_bytes kind=histogram labels= count=160000 sum=1599920000 "));
}

static void
test_killed (void)
{
  SatchelCounterLane *lane = new_lane ();
  guint64 before = 0;
  for (guint round = 0; round < 20; round++)
    {
      pid_t pid = start_child (lane);
      /* In the middle of it, wherever that is; or after it, which is as good. */
      while (value_of (lane, "satchel_test_total") <= before + round * 100
             && waitpid (pid, NULL, WNOHANG) == 0)
        ;
      kill (pid, SIGKILL);
      waitpid (pid, NULL, 0);
      g_assert_cmpuint (value_of (lane, "satchel_test_total"), >=, before);
      before = value_of (lane, "satchel_test_total");
      g_assert_cmpuint (value_of (lane, "satchel_test_now"), ==, 1); /* not one a process that was there */
    }
  g_assert_cmpuint (before, >, 0);
}

static void
test_gone (void)
{
  SatchelCounterLane *lane = new_lane ();
  satchel_counters_set_lane (lane);
  satchel_counter_add (&now, 4);
  satchel_counter_add (&plain, 4);
  g_autoptr (SatchelCounterTotals) past = satchel_counter_totals_new ();
  satchel_counter_totals_add (past, lane, TRUE);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (SatchelCounterTotals) totals = satchel_counter_totals_new ();
  satchel_counter_totals_add_totals (totals, past);
  satchel_counter_totals_add (totals, lane, FALSE);
  satchel_counter_totals_describe (totals, text);
  assert_has (text->str, "satchel_test_now kind=gauge labels= value=4");
  assert_has (text->str, "satchel_test_total kind=counter labels= value=8");
}

/* ---- a lane that somebody else wrote ---- */

static void
test_hostile (void)
{
  SatchelCounterLane *lane = new_lane ();
  g_autoptr (GRand) random = g_rand_new_with_seed (7);
  for (guint round = 0; round < 50; round++)
    {
      guint32 *words = (guint32 *) lane;
      for (gsize i = 0; i < sizeof *lane / sizeof *words; i++)
        words[i] = g_rand_int (random);
      for (guint i = 0; i < SATCHEL_COUNTER_RECORDS; i++)
        lane->records[i].kind = i % 5;
      memset (lane->records[1].name, 'a', sizeof lane->records[1].name); /* no end */
      g_strlcpy (lane->records[2].name, "satchel_ok", sizeof lane->records[2].name);
      g_strlcpy (lane->records[2].labels, "a:b\nprocess role=mail", sizeof lane->records[2].labels);
      g_strlcpy (lane->records[3].name, "satchel_good_seconds", sizeof lane->records[3].name);
      lane->records[3].labels[0] = '\0';
      g_strlcpy (lane->records[6].name, "satchel_x value=1", sizeof lane->records[6].name);
      lane->records[6].labels[0] = '\0';
      g_autofree char *text = describe (lane, NULL);
      g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
      for (char **line = lines; **line != '\0'; line++)
        g_assert_true (g_regex_match_simple (
            "^counter name=satchel_[A-Za-z0-9_]* kind=[a-z]+ labels=[A-Za-z0-9_.:,-]* [ -~]+$", *line, 0, 0));
      g_assert_nonnull (strstr (text, "satchel_good_seconds"));
      g_assert_null (strstr (text, "process role"));
      g_assert_null (strstr (text, "satchel_x"));
    }
  satchel_counters_set_lane (lane); /* and whoever starts with it does not fall */
  satchel_counter_add (&plain, 1);
}

/* A process for each, since a process has one lane. */
static void
run_alone (gconstpointer data)
{
  pid_t pid = fork ();
  int status;
  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      ((void (*) (void)) data) ();
      _exit (0);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/counter/labels", test_labels, run_alone);
  g_test_add_data_func ("/counter/bound-of-labels", test_bound_of_labels, run_alone);
  g_test_add_data_func ("/counter/buckets", test_buckets, run_alone);
  g_test_add_data_func ("/counter/gone", test_gone, run_alone);
  g_test_add_data_func ("/counter/full-lane", test_full_lane, run_alone);
  g_test_add_data_func ("/counter/processes", test_processes, run_alone);
  g_test_add_data_func ("/counter/killed", test_killed, run_alone);
  g_test_add_data_func ("/counter/hostile", test_hostile, run_alone);
  return g_test_run ();
}
