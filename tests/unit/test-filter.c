/* SPDX-License-Identifier: MIT
 * Delivery filters without a server: header changes as a view, the order of filters, their bound, the
 * deadline.
 */
#include "config.h"

#include "core/runtime/loop/job_private.h"
#include "core/session/delivery/filter_private.h"
#include "tests/lib/loop.h"
#include "tests/lib/own_clock.h"

#include <glib/gstdio.h>
#include <satchel/keywords.h>
#include <satchel/snapshot.h>
#include <string.h>

/* ---- header changes ---- */

static SatchelStream *
stream_of (const char *text, gsize len)
{
  g_autoptr (GBytes) bytes = g_bytes_new (text, len);
  return satchel_stream_new_bytes (bytes);
}

/* All of it, read in steps of @step, which is what one read gives, and what the length says. */
static char *
content_of (SatchelStream *stream, gsize step)
{
  g_autoptr (GError) error = NULL;
  gint64 length = satchel_stream_length (stream, &error);
  g_assert_no_error (error);
  g_autoptr (GString) steps = g_string_new (NULL);
  char block[4096];
  gssize n;
  while ((n = satchel_stream_read_at (stream, steps->len, block, step, &error)) > 0)
    g_string_append_len (steps, block, n);
  g_assert_no_error (error);
  g_assert_cmpint (length, ==, (gint64) steps->len);
  g_autofree char *whole = g_malloc ((gsize) length + 10);
  g_assert_cmpint (satchel_stream_read_at (stream, 0, whole, (gsize) length + 10, &error), ==, length);
  g_assert_cmpmem (whole, (gsize) length, steps->str, steps->len);
  return g_string_free (g_steal_pointer (&steps), FALSE);
}

static void
check_edit (const char *from, const char *removed, const char *added, const char *expected)
{
  SatchelHeaderEdit edit;
  satchel_header_edit_init (&edit);
  if (removed != NULL)
    g_assert_true (satchel_header_edit_remove (&edit, removed, NULL));
  if (added != NULL)
    g_assert_true (satchel_header_edit_add (&edit, added, "1", NULL));
  g_autoptr (SatchelStream) below = stream_of (from, strlen (from));
  g_autoptr (SatchelStream) view = satchel_header_edit_stream (below, &edit);
  satchel_header_edit_clear (&edit);
  static const gsize steps[] = { 1, 7, 4096 };
  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      g_autofree char *got = content_of (view, steps[i]);
      g_assert_cmpstr (got, ==, expected);
    }
}

#define TRACE "Return-Path: <a@b>\r\nDelivered-To: u\r\nReceived: from x\r\n\tby y\r\n"

static void
test_edit (void)
{
  check_edit (TRACE "Subject: s\r\n\r\ntext\r\n", NULL, "X", TRACE "X: 1\r\nSubject: s\r\n\r\ntext\r\n");
  check_edit (TRACE "A: 1\r\nx-a: 2\r\n\tmore\r\nB: 3\r\nX-A : 4\r\n\r\nX-A: text\r\n", "X-a", NULL,
              TRACE "A: 1\r\nB: 3\r\n\r\nX-A: text\r\n");
  /* Ours stay; what came with the same names goes. */
  check_edit (TRACE "Received: old\r\nReturn-Path: <c>\r\n\r\n", "RECEIVED", "X",
              TRACE "X: 1\r\nReturn-Path: <c>\r\n\r\n");
  check_edit (TRACE "Return-Path: <c>\r\n\r\n", "Return-Path", NULL, TRACE "\r\n");
  /* A line that is no field ends no header, and has nothing to remove. */
  check_edit (TRACE "no field\r\nX-A: 2\r\n\r\n", "X-A", NULL, TRACE "no field\r\n\r\n");
  check_edit (TRACE "A: 1\nX-A: 2\n\nX-A: text\n", "X-A", "X", TRACE "X: 1\r\nA: 1\n\nX-A: text\n");
  /* No header, no end of it, nothing at all. */
  check_edit ("\r\ntext", "X-A", "X", "X: 1\r\n\r\ntext");
  check_edit (TRACE "X-A: 1\r\nB: 2", "X-A", "X", TRACE "X: 1\r\nB: 2");
  check_edit ("Received: x", NULL, "X", "Received: x\r\nX: 1\r\n");
  check_edit ("", "X-A", "X", "X: 1\r\n");
}

/* Whatever the size of the header: all is there, and what is too far behind to be looked at stays. */
static void
test_edit_long (void)
{
  static const gsize sizes[] = { 16000,          16384, 17000, 70000, 1024 * 1024 - 100, 1024 * 1024 + 5000,
                                 3 * 1024 * 1024 };
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autoptr (GString) from = g_string_new (TRACE "X-A: first\r\n"),
                          expected = g_string_new (TRACE "X: 1\r\n");
      while (from->len < sizes[i])
        {
          g_string_append (from, "Filler: 0123456789012345678901234567890123456789\r\n");
          g_string_append (expected, "Filler: 0123456789012345678901234567890123456789\r\n");
        }
      g_string_append (from, "X-A: last\r\n\r\ntext\r\n");
      g_string_append (expected,
                       sizes[i] > SATCHEL_FILTER_HEAD_BYTES ? "X-A: last\r\n\r\ntext\r\n" : "\r\ntext\r\n");
      check_edit (from->str, "X-A", "X", expected->str);
    }
}

static void
check_refused (const char *name, const char *value, SatchelErrorCode code)
{
  SatchelHeaderEdit edit;
  g_autoptr (GError) error = NULL;
  satchel_header_edit_init (&edit);
  g_assert_false (satchel_header_edit_add (&edit, name, value, &error));
  g_assert_error (error, SATCHEL_ERROR, (gint) code);
  g_assert_true (satchel_header_edit_is_empty (&edit));
  satchel_header_edit_clear (&edit);
}

static void
test_edit_bounds (void)
{
  g_autofree char *name = g_strnfill (SATCHEL_FILTER_NAME_BYTES + 1, 'n'),
                  *line = g_strnfill (SATCHEL_FILTER_LINE_BYTES, 'l');
  static const char *const bad_names[] = { "", "a b", "a:", "a\r\nb", "\xc3\xa4", "a\x7f" };
  static const char *const bad_values[] = { "a\r\nB: 1", "a\nb",  "a\rb", "a\n",
                                            "a\n \n b",  "a\x01", "\xff", "a\x7f" };
  for (guint i = 0; i < G_N_ELEMENTS (bad_names); i++)
    check_refused (bad_names[i], "1", SATCHEL_ERROR_INVALID);
  for (guint i = 0; i < G_N_ELEMENTS (bad_values); i++)
    check_refused ("X", bad_values[i], SATCHEL_ERROR_INVALID);
  check_refused (name, "1", SATCHEL_ERROR_LIMIT);
  check_refused ("X", line, SATCHEL_ERROR_LIMIT);
  SatchelHeaderEdit edit;
  satchel_header_edit_init (&edit);
  g_assert_true (satchel_header_edit_add (&edit, "A", "one\r\n\ttwo\n three", NULL));
  g_assert_true (satchel_header_edit_add (&edit, "B", "\xc3\xa4", NULL));
  g_assert_cmpstr (edit.added->str, ==, "B: \xc3\xa4\r\nA: one\r\n\ttwo\r\n three\r\n");
  while (satchel_header_edit_add (&edit, "X", "0123456789", NULL))
    ;
  g_assert_cmpuint (edit.added->len, <=, SATCHEL_FILTER_HEADER_BYTES);
  g_assert_cmpuint (edit.added->len, >, SATCHEL_FILTER_HEADER_BYTES - 20);
  for (guint i = 0; i < SATCHEL_FILTER_NAMES_MAX; i++)
    g_assert_true (satchel_header_edit_remove (&edit, "X", NULL));
  g_assert_false (satchel_header_edit_remove (&edit, "X", NULL));
  satchel_header_edit_clear (&edit);
}

/* ---- filters: one that does as it is told, and one after it ---- */

typedef enum
{
  ANSWERS = 0,
  BLOCKS, /* until the gate opens */
  KEEPS   /* the item in `kept` */
} How;

static How how;
static GMutex lock;
static GCond opened;
static gboolean is_open;
static guint n_asked, n_inside, n_inside_most, n_cancelled, n_second; /* under lock */
static SatchelFilterItem *kept;
static SatchelFilterVerdict verdict;
static const char *text;
static char *second_saw;

static void
first (SatchelFilterItem *item)
{
  g_mutex_lock (&lock);
  n_asked++;
  n_inside++;
  n_inside_most = MAX (n_inside_most, n_inside);
  while (how == BLOCKS && !is_open)
    g_cond_wait (&opened, &lock);
  n_inside--;
  if (how == KEEPS)
    kept = item;
  g_mutex_unlock (&lock);
  if (how == KEEPS)
    return;
  g_assert_true (satchel_filter_remove_header (item, "X-Spam", NULL));
  g_assert_true (satchel_filter_add_header (item, "X-First", "1", NULL));
  g_assert_true (satchel_filter_add_keyword (item, "one", NULL));
  satchel_filter_add_flags (item, SATCHEL_FLAG_SEEN | 1u << 20);
  g_assert_true (satchel_filter_set_mailbox (item, "inbox/a", NULL));
  g_assert_true (satchel_filter_set_note (item, "no", NULL) && satchel_filter_set_note (item, "found", NULL));
  g_assert_null (satchel_filter_note (item));
  g_assert_null (satchel_filter_open_store (item, NULL));
  satchel_filter_answer (item, verdict, text);
}

static void
first_cancelled (SatchelFilterItem *item)
{
  g_assert_true (satchel_filter_is_cancelled (item));
  g_assert_cmpint (satchel_filter_left_ms (item), ==, 0);
  g_mutex_lock (&lock);
  n_cancelled++;
  g_mutex_unlock (&lock);
}

static void
second (SatchelFilterItem *item)
{
  g_mutex_lock (&lock);
  n_second++;
  g_free (second_saw);
  second_saw = content_of (item->content, 4096);
  g_assert_cmpuint (item->content_bytes, ==, strlen (second_saw));
  g_mutex_unlock (&lock);
  g_assert_true (satchel_filter_add_keyword (item, "ONE", NULL));
  g_assert_true (satchel_filter_add_keyword (item, "two", NULL));
  satchel_filter_set_special_use (item, 16);
  satchel_filter_answer (item, SATCHEL_FILTER_CONTINUE, NULL);
}

static const SatchelDeliveryFilterOps first_ops = { .size = sizeof first_ops,
                                                    .band = 1,
                                                    .on_error = SATCHEL_FILTER_TEMPORARY,
                                                    .message = first,
                                                    .cancelled = first_cancelled };
static const SatchelDeliveryFilterOps second_ops = { .size = sizeof second_ops,
                                                     .band = 2,
                                                     .message = second };
static const SatchelModule first_module = { .name = "first" }, second_module = { .name = "second" };
static const SatchelProvided first_provided = { .ops = &first_ops, .module = &first_module };
static const SatchelProvided second_provided = { .ops = &second_ops, .module = &second_module };

static void
configure (const char *rule)
{
  static SatchelConfigSet *set; /* what is in force */
  g_autoptr (GPtrArray) problems =
      g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_config_problem_free);
  g_autoptr (GPtrArray) provided = g_ptr_array_new ();
  g_autofree char *rules = g_strdup_printf ("filters.rules=( { filter = \"first\"; %s } )", rule);
  const char *overrides[] = { rules, NULL };
  g_autofree char *none = g_dir_make_tmp ("satchel-test-XXXXXX", NULL);
  g_ptr_array_add (provided, (gpointer) &first_provided);
  g_ptr_array_add (provided, (gpointer) &second_provided);
  SatchelConfigSet *old = set;
  set = satchel_config_load (none, none, overrides, NULL, NULL, problems);
  g_assert_nonnull (set);
  g_assert_cmpint (g_rmdir (none), ==, 0);
  satchel_filters_configure (provided, satchel_config_set_group (set, "filters"));
  g_clear_pointer (&old, satchel_config_set_free);
  how = ANSWERS;
  verdict = SATCHEL_FILTER_CONTINUE;
  text = NULL;
  is_open = FALSE;
  n_asked = n_inside_most = n_cancelled = n_second = 0;
}

static SatchelFilterEnvelope *
new_envelope (void)
{
  SatchelFilterEnvelope *envelope = g_atomic_rc_box_new0 (SatchelFilterEnvelope);
  envelope->id = g_strdup ("id");
  envelope->sender = g_strdup ("a@example.net");
  satchel_filter_envelope_set_recipients (envelope, g_strsplit ("b@example.org", " ", 1));
  envelope->n_recipients = 1;
  return envelope;
}

static guint n_ended;

static void
ended (SatchelFilterRun *run, gpointer data)
{
  n_ended++;
}

static SatchelFilterRun *
start (void)
{
  static const char content[] = TRACE "X-Spam: no\r\nSubject: s\r\n\r\ntext\r\n";
  SatchelFilterRun *run = g_new0 (SatchelFilterRun, 1);
  run->envelope = new_envelope ();
  run->content = stream_of (content, sizeof content - 1);
  run->done = ended;
  satchel_filters_run (run);
  return run;
}

static void
finish (SatchelFilterRun *run)
{
  satchel_filter_envelope_unref (run->envelope);
  satchel_filter_run_clear (run);
  g_free (run);
}

static void
open_gate (void)
{
  g_mutex_lock (&lock);
  is_open = TRUE;
  g_cond_broadcast (&opened);
  g_mutex_unlock (&lock);
}

static gboolean
has_kept (void)
{
  g_mutex_lock (&lock);
  gboolean has = kept != NULL;
  g_mutex_unlock (&lock);
  return has;
}

/* Each sees what the one before it changed; what they ask for adds up. */
static void
test_order (void)
{
  configure ("");
  n_ended = 0;
  SatchelFilterRun *run = start ();
  loop_until (n_ended == 1);
  g_assert_cmpint (run->verdict, ==, SATCHEL_FILTER_CONTINUE);
  g_assert_cmpstr (second_saw, ==, TRACE "X-First: 1\r\nSubject: s\r\n\r\ntext\r\n");
  g_assert_true (run->is_changed);
  g_autofree char *content = content_of (run->content, 4096);
  g_assert_cmpstr (content, ==, second_saw);
  g_assert_cmpuint (run->where.flags, ==, SATCHEL_FLAG_SEEN);
  g_assert_cmpuint (run->where.keywords->len, ==, 2);
  g_assert_cmpstr (run->where.keywords->pdata[0], ==, "one");
  g_assert_cmpstr (run->where.keywords->pdata[1], ==, "two");
  g_assert_cmpuint (run->where.special_use, ==, 16);
  g_assert_cmpstr (satchel_disposition_note (&run->where, "first"), ==, "found");
  g_assert_null (satchel_disposition_note (&run->where, "second"));
  g_assert_cmpuint (satchel_filters_n_running (), ==, 0);
  finish (run);
}

/* Who ends the stage, and with what words. */
static void
test_verdicts (void)
{
  static const struct
  {
    SatchelFilterVerdict says, is;
    const char *text, *clean;
  } cases[] = {
    { SATCHEL_FILTER_DONE, SATCHEL_FILTER_CONTINUE, NULL, NULL },
    { SATCHEL_FILTER_REFUSE, SATCHEL_FILTER_REFUSE, "no\r\n250 ok", "no??250 ok" },
    { SATCHEL_FILTER_TEMPORARY, SATCHEL_FILTER_TEMPORARY, "", NULL },
    { SATCHEL_FILTER_DISCARD, SATCHEL_FILTER_DISCARD, NULL, NULL },
    { (SatchelFilterVerdict) 17, SATCHEL_FILTER_TEMPORARY, "x", NULL }, /* none: on_error */
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      configure ("");
      n_ended = 0;
      verdict = cases[i].says;
      text = cases[i].text;
      SatchelFilterRun *run = start ();
      loop_until (n_ended == 1);
      g_assert_cmpint (run->verdict, ==, cases[i].is);
      g_assert_cmpstr (run->text, ==, cases[i].clean);
      g_assert_cmpuint (n_second, ==, 0);
      finish (run);
    }
}

/* No more at a time than the bound, and nobody is forgotten. */
static void
test_bound (void)
{
  SatchelFilterRun *runs[20];
  configure ("concurrent = 3;");
  n_ended = 0;
  how = BLOCKS;
  for (guint i = 0; i < G_N_ELEMENTS (runs); i++)
    runs[i] = start ();
  loop_until (n_inside_most == 3);
  g_assert_cmpuint (satchel_filters_n_running (), ==, G_N_ELEMENTS (runs));
  open_gate ();
  loop_until (n_ended == G_N_ELEMENTS (runs));
  g_assert_cmpuint (n_inside_most, ==, 3);
  g_assert_cmpuint (n_asked, ==, G_N_ELEMENTS (runs));
  for (guint i = 0; i < G_N_ELEMENTS (runs); i++)
    finish (runs[i]);
}

/* The delivery goes on at the deadline, with what on_error says; the item is the filter's until it answers,
 * and so is its place. */
static void
test_deadline (void)
{
  configure ("concurrent = 1; deadline = \"1m\"; failure = \"pass\";");
  n_ended = 0;
  how = KEEPS;
  SatchelFilterRun *late = start (), *waiting = start ();
  loop_until (has_kept ());
  own_clock_pass_ms (60000);
  loop_until (n_ended == 2);
  g_assert_cmpint (late->verdict, ==, SATCHEL_FILTER_CONTINUE);
  g_assert_false (late->is_changed);
  g_assert_cmpuint (n_cancelled, ==, 1);
  g_assert_cmpuint (n_asked, ==, 1); /* the other one had no turn */
  g_assert_cmpuint (n_second, ==, 2);
  /* Nothing that it may have is left: the next one is not made to wait.  The other filter still is asked. */
  SatchelFilterRun *next = start ();
  g_assert_cmpuint (next->next, ==, 2);
  loop_until (n_ended == 3);
  g_assert_cmpuint (n_asked, ==, 1);
  finish (waiting);
  finish (next);
  /* Too late: the delivery hears nothing of it, but its place is free again. */
  g_assert_nonnull (kept);
  g_assert_true (satchel_filter_add_header (kept, "X-Late", "1", NULL));
  satchel_filter_answer (kept, SATCHEL_FILTER_REFUSE, "late");
  kept = NULL;
  loop_settle ();
  g_assert_cmpuint (n_ended, ==, 3);
  g_assert_cmpint (late->verdict, ==, SATCHEL_FILTER_CONTINUE);
  g_assert_false (late->is_changed);
  finish (late);
  how = ANSWERS;
  next = start ();
  loop_until (n_ended == 4);
  g_assert_cmpuint (n_asked, ==, 2);
  g_assert_true (next->is_changed);
  finish (next);
}

/* An answer from the main loop, long after the call has returned. */
static void
test_later (void)
{
  configure ("");
  n_ended = 0;
  how = KEEPS;
  SatchelFilterRun *run = start ();
  loop_until (has_kept ());
  g_assert_cmpuint (n_ended, ==, 0);
  g_assert_false (satchel_filter_is_cancelled (kept));
  g_assert_cmpint (satchel_filter_left_ms (kept), >, 0);
  satchel_filter_answer (g_steal_pointer (&kept), SATCHEL_FILTER_REFUSE, "after all");
  loop_until (n_ended == 1);
  g_assert_cmpint (run->verdict, ==, SATCHEL_FILTER_REFUSE);
  g_assert_cmpstr (run->text, ==, "after all");
  g_assert_cmpstr (run->by, ==, "first");
  g_assert_cmpuint (n_cancelled, ==, 0);
  finish (run);
}

/* What is too much for a message is left out, never refused. */
static void
test_keywords (void)
{
  SatchelDisposition all = { 0 }, more = { 0 };
  for (guint i = 0; i < 2; i++)
    {
      g_clear_pointer (&more.keywords, g_ptr_array_unref);
      more.keywords = g_ptr_array_new_with_free_func (g_free);
      for (guint k = 0; k < 10; k++)
        g_ptr_array_add (more.keywords, g_strdup_printf ("k%u", 10 * i + k));
      g_assert_cmpuint (satchel_disposition_merge (&all, &more), ==,
                        i == 0 ? 0 : 20 - SATCHEL_FILTER_KEYWORDS_MAX);
    }
  g_assert_cmpuint (all.keywords->len, ==, SATCHEL_FILTER_KEYWORDS_MAX);
  satchel_disposition_clear (&all);
  satchel_disposition_clear (&more);
}

/* The notes of all filters together are bounded, and go with the rest to each recipient. */
static void
test_notes (void)
{
  SatchelDisposition all = { 0 }, copy = { 0 };
  g_autofree char *half = g_strnfill (SATCHEL_FILTER_NOTES_BYTES / 2 - 1, 'x'),
                  *long_one = g_strnfill (SATCHEL_FILTER_NOTE_BYTES + 1, 'x');
  g_assert_true (satchel_disposition_add_note (&all, "a", half));
  g_assert_true (satchel_disposition_add_note (&all, "b", half));
  g_assert_false (satchel_disposition_add_note (&all, "c", ""));
  satchel_disposition_merge (&copy, &all);
  satchel_disposition_clear (&all);
  g_assert_cmpstr (satchel_disposition_note (&copy, "b"), ==, half);
  g_assert_null (satchel_disposition_note (&copy, "c"));
  satchel_disposition_clear (&copy);
  g_autoptr (GError) error = NULL;
  configure ("");
  n_ended = 0;
  how = KEEPS;
  SatchelFilterRun *run = start ();
  loop_until (has_kept ());
  g_assert_false (satchel_filter_set_note (kept, long_one, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_LIMIT);
  g_clear_error (&error);
  g_assert_false (satchel_filter_set_note (kept, "\xff", &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_INVALID);
  satchel_filter_answer (g_steal_pointer (&kept), SATCHEL_FILTER_CONTINUE, NULL);
  loop_until (n_ended == 1);
  g_assert_null (run->where.notes);
  finish (run);
}

/* ---- the envelope ---- */

/* The recipient stage is told of the first ones, as many as the bound holds; another process of as many. */
static void
test_recipients (void)
{
  char **many = g_new0 (char *, 1001);
  for (guint i = 0; i < 1000; i++)
    many[i] = g_strdup_printf ("user%04u@example.org", i); /* 20 bytes, 25 with the rest */
  SatchelFilterEnvelope *envelope = g_atomic_rc_box_new0 (SatchelFilterEnvelope);
  satchel_filter_envelope_set_recipients (envelope, many);
  guint n = g_strv_length (envelope->first_recipients);
  g_assert_cmpuint (n, ==, SATCHEL_FILTER_RECIPIENTS_BYTES / 25);
  g_assert_cmpuint (g_strv_length (envelope->recipients), ==, 1000);
  g_assert_cmpstr (envelope->first_recipients[0], ==, "user0000@example.org");
  g_assert_cmpstr (envelope->first_recipients[n - 1], ==, envelope->recipients[n - 1]);
  satchel_filter_envelope_unref (envelope);
}

static SatchelOrigin *
over_the_wire (const SatchelOrigin *origin, gsize *ret_bytes)
{
  g_autoptr (SatchelIpcMessage) message = satchel_ipc_message_new (SATCHEL_IPC_DELIVER, 0);
  satchel_origin_put (message, origin);
  *ret_bytes = message->body->len;
  SatchelOrigin *got = satchel_origin_get (message);
  g_assert_true (satchel_ipc_message_is_done (message));
  return got;
}

/* What an MTA says is cut and cleaned before it goes anywhere; a module that knows fewer members says less.
 */
static void
test_origin (void)
{
  g_autofree char *long_text = g_strnfill (1000, 'x');
  const SatchelOrigin origin = { .size = sizeof origin,
                                 .queue_id = "4bKQ\r\nfake: line",
                                 .address = "2001:db8::1",
                                 .name = long_text,
                                 .helo = "",
                                 .source = "LOCAL" };
  gsize bytes;
  SatchelOrigin *copy = satchel_origin_copy (&origin), *got = over_the_wire (copy, &bytes);
  g_assert_cmpuint (bytes, <, 8 * (SATCHEL_ORIGIN_BYTES + 8));
  g_assert_cmpstr (got->queue_id, ==, "4bKQ??fake: line");
  g_assert_cmpstr (got->address, ==, "2001:db8::1");
  g_assert_cmpuint (strlen (got->name), ==, SATCHEL_ORIGIN_BYTES);
  g_assert_null (got->port);
  g_assert_null (got->helo);
  g_assert_cmpstr (got->source, ==, "LOCAL");
  satchel_origin_free (copy);
  satchel_origin_free (got);
  g_assert_null (over_the_wire (NULL, &bytes));
  SatchelOrigin older = origin;
  older.size = offsetof (SatchelOrigin, name);
  copy = satchel_origin_copy (&older);
  g_assert_cmpstr (copy->address, ==, "2001:db8::1");
  g_assert_null (copy->name);
  g_assert_null (copy->source);
  satchel_origin_free (copy);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/filter/edit/stream", test_edit);
  g_test_add_func ("/filter/edit/long", test_edit_long);
  g_test_add_func ("/filter/edit/bounds", test_edit_bounds);
  g_test_add_func ("/filter/keywords", test_keywords);
  g_test_add_func ("/filter/notes", test_notes);
  g_test_add_func ("/filter/order", test_order);
  g_test_add_func ("/filter/verdicts", test_verdicts);
  g_test_add_func ("/filter/bound", test_bound);
  g_test_add_func ("/filter/deadline", test_deadline);
  g_test_add_func ("/filter/later", test_later);
  g_test_add_func ("/filter/recipients", test_recipients);
  g_test_add_func ("/filter/origin", test_origin);
  return g_test_run ();
}
