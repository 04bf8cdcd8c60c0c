/* SPDX-License-Identifier: MIT
 * Helper calls: both ends over a real link; queues, deadlines, cancelling, and an end that says what it
 * likes.
 */
#include "config.h"

#include "core/runtime/ipc/helper_private.h"
#include "core/runtime/log/log_private.h"
#include "core/runtime/process/process.h"
#include "core/runtime/ipc/sealed.h"
#include "tests/lib/loop.h"
#include "tests/lib/own_clock.h"
#include <fcntl.h>
#include <satchel/job.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT_MS 20000 /* longer than any sound run */
#define QUEUE 4

/* ---- the module in the helper ---- */

static GMutex gate_lock;
static GCond gate_open;
static gboolean is_open = TRUE; /* "held" calls wait for it */
static gint n_inside, n_inside_max, n_cancelled;
static SatchelHelperCall *kept; /* "kept" ones are answered by the test */

static void
wait_for_gate (void)
{
  g_mutex_lock (&gate_lock);
  while (!is_open)
    g_cond_wait (&gate_open, &gate_lock);
  g_mutex_unlock (&gate_lock);
}

static void
set_gate (gboolean open)
{
  g_mutex_lock (&gate_lock);
  is_open = open;
  g_cond_broadcast (&gate_open);
  g_mutex_unlock (&gate_lock);
}

/* Two that come in at once: the lower number must not be set last. */
static void
note_entered (void)
{
  g_mutex_lock (&gate_lock);
  int inside = g_atomic_int_add (&n_inside, 1) + 1;
  g_atomic_int_set (&n_inside_max, MAX (inside, g_atomic_int_get (&n_inside_max)));
  g_mutex_unlock (&gate_lock);
}

static void
handle (SatchelHelperCall *call)
{
  gsize len;
  const char *text = g_bytes_get_data (satchel_helper_call_request (call), &len);
  note_entered ();
  if (len == 4 && memcmp (text, "held", 4) == 0)
    wait_for_gate ();
  g_atomic_int_add (&n_inside, -1);
  if (len == 4 && memcmp (text, "kept", 4) == 0)
    {
      g_atomic_pointer_set (&kept, call);
      return;
    }
  if (len == 4 && memcmp (text, "fail", 4) == 0)
    {
      satchel_helper_fail (call, SATCHEL_ERROR_NONEXISTENT, "no such thing");
      return;
    }
  if (len == 4 && memcmp (text, "huge", 4) == 0)
    {
      g_autoptr (GBytes) huge =
          g_bytes_new_take (g_malloc0 (SATCHEL_HELPER_BYTES_MAX + 1), SATCHEL_HELPER_BYTES_MAX + 1);
      satchel_helper_reply (call, huge);
      return;
    }
  if (satchel_helper_call_content_fd (call) < 0)
    {
      satchel_helper_reply (call, satchel_helper_call_request (call));
      return;
    }
  gsize size = (gsize) satchel_helper_call_content_bytes (call);
  g_autofree char *content = g_malloc (size);
  g_assert_cmpint (pread (satchel_helper_call_content_fd (call), content, size, 0), ==, (gssize) size);
  g_autoptr (GBytes) reply = g_bytes_new (content, size);
  satchel_helper_reply (call, reply);
}

static void
cancelled (SatchelHelperCall *call)
{
  g_atomic_int_inc (&n_cancelled);
}

static const SatchelHelperOps ops = {
  .size = sizeof ops, .max_calls = 2, .handle = handle, .cancelled = cancelled
};

/* ---- the link between the ends ---- */

static SatchelIpcLink *caller_link, *helper_link;
static SatchelHelperCaller *caller;
static guint n_refused;

static gboolean
send_on (gpointer data, SatchelIpcMessage *message)
{
  return satchel_ipc_send (data, message);
}

static gboolean
to_caller (SatchelIpcLink *link, SatchelIpcMessage *message, gpointer data)
{
  gboolean ok = satchel_helper_calls_message ("probe", message);
  n_refused += !ok;
  return ok;
}

static gboolean
to_helper (SatchelIpcLink *link, SatchelIpcMessage *message, gpointer data)
{
  gboolean ok = satchel_helper_caller_message (caller, message);
  n_refused += !ok;
  return ok;
}

static void
closed (SatchelIpcLink *link, gpointer data)
{
}

static void
set_up (void)
{
  int pair[2];
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), ==, 0);
  caller_link = satchel_ipc_link_new (pair[0], to_caller, closed, NULL);
  helper_link = satchel_ipc_link_new (pair[1], to_helper, closed, NULL);
  caller = satchel_helper_caller_new (send_on, helper_link);
  satchel_helper_calls_up ("probe", send_on, caller_link);
  n_refused = 0;
  g_atomic_int_set (&n_cancelled, 0);
  set_gate (TRUE);
}

static void
take_down (void)
{
  guint running, waiting;
  guint64 answered;
  satchel_helper_calls_down ("probe");
  set_gate (TRUE);
  satchel_helper_caller_free (g_steal_pointer (&caller));
  satchel_ipc_link_free (caller_link);
  satchel_ipc_link_free (helper_link);
  loop_until ((satchel_helper_serve_counts (&running, &waiting, &answered), running == 0 && waiting == 0));
  g_assert_cmpuint (satchel_helper_calls_n (), ==, 0);
}

/* ---- the asker ---- */

typedef struct Answer
{
  SatchelHelperPending *pending;
  guint n_done;
  GBytes *reply;
  GError *error;
} Answer;

static void
done (GBytes *reply, const GError *error, gpointer data)
{
  Answer *answer = data;
  g_assert_true ((reply != NULL) != (error != NULL));
  answer->n_done++;
  answer->reply = reply != NULL ? g_bytes_ref (reply) : NULL;
  answer->error = error != NULL ? g_error_copy (error) : NULL;
}

static void
ask_with (Answer *answer, const void *data, gsize len, int fd, gint64 timeout_ms)
{
  g_autoptr (GBytes) request = g_bytes_new (data, len);
  *answer = (Answer) { NULL };
  answer->pending = satchel_helper_call ("probe", request, fd, timeout_ms, done, answer);
  g_assert_cmpuint (answer->n_done, ==, 0); /* never inside */
}

static void
ask (Answer *answer, const char *text)
{
  ask_with (answer, text, strlen (text), -1, TIMEOUT_MS);
}

static void
expect_reply (Answer *answer, const void *data, gsize len)
{
  loop_until (answer->n_done > 0);
  g_assert_no_error (answer->error);
  gsize got_len;
  const void *got = g_bytes_get_data (answer->reply, &got_len);
  g_assert_cmpmem (got, got_len, data, len);
  loop_settle ();
  g_assert_cmpuint (answer->n_done, ==, 1);
  g_bytes_unref (answer->reply);
}

static void
expect_error (Answer *answer, SatchelErrorCode code)
{
  loop_until (answer->n_done > 0);
  loop_settle ();
  g_assert_cmpuint (answer->n_done, ==, 1);
  g_assert_error (answer->error, SATCHEL_ERROR, (gint) code);
  g_error_free (answer->error);
}

/* ---- cases ---- */

static void
test_echo (void)
{
  Answer answer;
  set_up ();
  ask (&answer, "hello");
  expect_reply (&answer, "hello", 5);
  ask (&answer, "");
  expect_reply (&answer, "", 0);
  ask (&answer, "fail");
  expect_error (&answer, SATCHEL_ERROR_NONEXISTENT);
  /* Around what fits into a message, and the most. */
  for (gsize len = 12287; len <= SATCHEL_HELPER_BYTES_MAX; len = len < 12289 ? len + 1 : len * 100)
    {
      len = MIN (len, SATCHEL_HELPER_BYTES_MAX);
      g_autofree guint8 *data = g_malloc (len);
      for (gsize i = 0; i < len; i++)
        data[i] = (guint8) (i * 7 + len);
      ask_with (&answer, data, len, -1, TIMEOUT_MS);
      expect_reply (&answer, data, len);
    }
  take_down ();
}

static void
test_too_long (void)
{
  Answer answer;
  g_autofree char *data = g_malloc0 (SATCHEL_HELPER_BYTES_MAX + 1);
  set_up ();
  ask_with (&answer, data, SATCHEL_HELPER_BYTES_MAX + 1, -1, TIMEOUT_MS);
  expect_error (&answer, SATCHEL_ERROR_LIMIT);
  ask (&answer, "huge");
  expect_error (&answer, SATCHEL_ERROR_LIMIT);
  take_down ();
}

static void
test_content (void)
{
  Answer answer;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = g_strnfill (300000, 'm');
  g_autoptr (GBytes) bytes = g_bytes_new (text, 300000);
  g_autoptr (SatchelStream) stream = satchel_stream_new_bytes (bytes);
  set_up ();
  int fd = satchel_helper_content_new (stream, 300000, &error);
  g_assert_no_error (error);
  g_assert_cmpint (pwrite (fd, "x", 1, 0), <, 0); /* sealed */
  g_assert_cmpint (ftruncate (fd, 1), <, 0);
  ask_with (&answer, "read", 4, fd, TIMEOUT_MS);
  close (fd); /* at once */
  expect_reply (&answer, text, 300000);
  g_assert_cmpint (satchel_helper_content_new (stream, 299999, &error), ==, -1);
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_LIMIT);
  /* One that somebody could still change. */
  fd = memfd_create ("open", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  ask_with (&answer, "read", 4, fd, TIMEOUT_MS);
  expect_error (&answer, SATCHEL_ERROR_LIMIT);
  close (fd);
  take_down ();
}

static void
test_content_bound (void)
{
  Answer first, second;
  g_autoptr (GBytes) bytes = g_bytes_new_take (g_malloc0 (600), 600);
  g_autoptr (SatchelStream) stream = satchel_stream_new_bytes (bytes);
  set_up ();
  satchel_helper_calls_set_limits (QUEUE, 1000);
  int fd = satchel_helper_content_new (stream, 600, NULL);
  set_gate (FALSE);
  ask_with (&first, "held", 4, fd, TIMEOUT_MS);
  ask_with (&second, "read", 4, fd, TIMEOUT_MS);
  expect_error (&second, SATCHEL_ERROR_UNAVAILABLE);
  set_gate (TRUE);
  expect_reply (&first, g_bytes_get_data (bytes, NULL), 600);
  ask_with (&second, "read", 4, fd, TIMEOUT_MS); /* there is room again */
  expect_reply (&second, g_bytes_get_data (bytes, NULL), 600);
  close (fd);
  satchel_helper_calls_set_limits (QUEUE, 1024 * 1024);
  take_down ();
}

static void
test_no_helper (void)
{
  Answer answer;
  *(&answer) = (Answer) { NULL };
  answer.pending = satchel_helper_call ("nobody", NULL, -1, TIMEOUT_MS, done, &answer);
  g_assert_cmpuint (answer.n_done, ==, 0);
  expect_error (&answer, SATCHEL_ERROR_UNAVAILABLE);
}

static void
test_queue (void)
{
  Answer answers[QUEUE + 1];
  set_up ();
  set_gate (FALSE);
  g_atomic_int_set (&n_inside_max, 0);
  for (guint i = 0; i <= QUEUE; i++)
    ask (&answers[i], "held");
  expect_error (&answers[QUEUE], SATCHEL_ERROR_UNAVAILABLE);
  loop_until (g_atomic_int_get (&n_inside) == 2);
  set_gate (TRUE);
  for (guint i = 0; i < QUEUE; i++)
    expect_reply (&answers[i], "held", 4);
  g_assert_cmpint (g_atomic_int_get (&n_inside_max), ==, 2); /* max_calls */
  take_down ();
}

/* The helper's own bound, for a caller that keeps to none. */
static void
test_queue_of_helper (void)
{
  Answer answers[QUEUE + 3];
  guint n_errors = 0;
  set_up ();
  satchel_helper_calls_set_limits (100, 1024 * 1024);
  set_gate (FALSE);
  for (guint i = 0; i < QUEUE + 3; i++)
    ask (&answers[i], "held");
  loop_until (answers[QUEUE + 2].n_done > 0);
  for (guint i = 0; i < QUEUE + 3; i++)
    n_errors += answers[i].n_done;
  g_assert_cmpuint (n_errors, ==, 3);
  set_gate (TRUE);
  for (guint i = 0; i < QUEUE; i++)
    expect_reply (&answers[i], "held", 4);
  for (guint i = QUEUE; i < QUEUE + 3; i++)
    expect_error (&answers[i], SATCHEL_ERROR_UNAVAILABLE);
  satchel_helper_calls_set_limits (QUEUE, 1024 * 1024);
  take_down ();
}

static void
test_deadline (void)
{
  Answer running[2], waiting;
  set_up ();
  set_gate (FALSE);
  ask_with (&running[0], "held", 4, -1, TIMEOUT_MS / 2);
  ask_with (&running[1], "held", 4, -1, TIMEOUT_MS);
  loop_until (g_atomic_int_get (&n_inside) == 2);
  ask_with (&waiting, "wait", 4, -1, TIMEOUT_MS / 2);
  own_clock_pass_ms (TIMEOUT_MS / 2);
  expect_error (&waiting, SATCHEL_ERROR_TIMEOUT);
  expect_error (&running[0], SATCHEL_ERROR_TIMEOUT);
  loop_until (g_atomic_int_get (&n_cancelled) == 1); /* the one that runs; the other is simply gone */
  loop_until (satchel_helper_calls_n () == 2);
  set_gate (TRUE);
  expect_reply (&running[1], "held", 4);
  loop_until (satchel_helper_calls_n () == 0); /* the late answer was taken, and nobody heard of it */
  g_assert_cmpuint (n_refused, ==, 0);
  take_down ();
}

static void
test_cancel (void)
{
  Answer running, waiting[2], plain;
  set_up ();
  set_gate (FALSE);
  ask (&running, "held");
  ask (&plain, "held");
  ask (&waiting[0], "wait");
  ask (&waiting[1], "wait");
  loop_until (g_atomic_int_get (&n_inside) == 2);
  satchel_helper_cancel (running.pending);
  satchel_helper_cancel (waiting[0].pending);
  g_assert_cmpuint (running.n_done + waiting[0].n_done, ==, 0);
  expect_error (&running, SATCHEL_ERROR_CANCELLED);
  expect_error (&waiting[0], SATCHEL_ERROR_CANCELLED);
  loop_until (g_atomic_int_get (&n_cancelled) == 1);
  set_gate (TRUE);
  expect_reply (&plain, "held", 4);
  expect_reply (&waiting[1], "wait", 4);
  /* While its answer is on the way, and of one that was refused. */
  ask (&plain, "x");
  satchel_helper_cancel (plain.pending);
  expect_error (&plain, SATCHEL_ERROR_CANCELLED);
  plain = (Answer) { NULL };
  plain.pending = satchel_helper_call ("nobody", NULL, -1, TIMEOUT_MS, done, &plain);
  satchel_helper_cancel (plain.pending);
  expect_error (&plain, SATCHEL_ERROR_CANCELLED);
  loop_until (satchel_helper_calls_n () == 0);
  g_assert_cmpuint (n_refused, ==, 0);
  take_down ();
}

static void
test_down (void)
{
  Answer answers[3];
  set_up ();
  set_gate (FALSE);
  for (guint i = 0; i < 3; i++)
    ask (&answers[i], "held");
  loop_until (g_atomic_int_get (&n_inside) == 2);
  satchel_helper_cancel (answers[2].pending);
  satchel_helper_calls_down ("probe");
  g_assert_cmpuint (answers[0].n_done, ==, 0);
  expect_error (&answers[0], SATCHEL_ERROR_UNAVAILABLE);
  expect_error (&answers[1], SATCHEL_ERROR_UNAVAILABLE);
  expect_error (&answers[2], SATCHEL_ERROR_CANCELLED);
  ask (&answers[0], "late");
  expect_error (&answers[0], SATCHEL_ERROR_UNAVAILABLE);
  take_down ();
}

/* The caller's process dies while its calls run: they are cancelled, and nothing is left of them. */
static void
test_caller_gone (void)
{
  Answer answers[3];
  set_up ();
  set_gate (FALSE);
  for (guint i = 0; i < 3; i++)
    ask (&answers[i], "held");
  loop_until (g_atomic_int_get (&n_inside) == 2);
  satchel_helper_caller_free (caller);
  caller = satchel_helper_caller_new (send_on, helper_link);
  g_assert_cmpint (g_atomic_int_get (&n_cancelled), ==, 2);
  set_gate (TRUE);
  satchel_helper_calls_down ("probe");
  for (guint i = 0; i < 3; i++)
    expect_error (&answers[i], SATCHEL_ERROR_UNAVAILABLE);
  take_down ();
}

static void
test_answer_later (void)
{
  Answer answer;
  set_up ();
  g_atomic_pointer_set (&kept, NULL);
  ask (&answer, "kept");
  loop_until (g_atomic_pointer_get (&kept) != NULL);
  g_assert_cmpuint (answer.n_done, ==, 0);
  g_assert_cmpint (satchel_helper_call_left_ms (kept), >, 0);
  g_autoptr (GBytes) reply = g_bytes_new_static ("later", 5);
  satchel_helper_reply (kept, reply);
  expect_reply (&answer, "later", 5);
  take_down ();
}

typedef struct InJob
{
  gboolean is_over;
  GBytes *reply;
  GError *error;
} InJob;

static void
job (gpointer data)
{
  InJob *in_job = data;
  g_autoptr (GBytes) request = g_bytes_new_static ("job", 3);
  in_job->reply = satchel_helper_call_wait ("probe", request, -1, TIMEOUT_MS, NULL);
  g_assert_null (satchel_helper_call_wait ("nobody", NULL, -1, TIMEOUT_MS, &in_job->error));
}

static void
job_done (gpointer data)
{
  ((InJob *) data)->is_over = TRUE;
}

static void
test_wait (void)
{
  InJob in_job = { FALSE, NULL, NULL };
  set_up ();
  satchel_job_submit (NULL, "test", job, job_done, &in_job);
  loop_until (in_job.is_over);
  g_assert_cmpmem (g_bytes_get_data (in_job.reply, NULL), g_bytes_get_size (in_job.reply), "job", 3);
  g_assert_error (in_job.error, SATCHEL_ERROR, SATCHEL_ERROR_UNAVAILABLE);
  g_bytes_unref (in_job.reply);
  g_clear_error (&in_job.error);
  take_down ();
}

/* ---- rubbish ---- */

static SatchelIpcMessage *
reply_message (guint64 number, guint32 status)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_HELPER_REPLY, number);
  satchel_ipc_put_u32 (message, status);
  return message;
}

/* What the caller says to a message of its helper's. */
static gboolean
says (SatchelIpcMessage *message)
{
  gboolean ok = satchel_helper_calls_message ("probe", message);
  satchel_ipc_message_free (message);
  return ok;
}

static gboolean
swallow (gpointer data, SatchelIpcMessage *message)
{
  *(guint64 *) data = message->session_id;
  satchel_ipc_message_free (message);
  return TRUE;
}

static void
test_rubbish_answers (void)
{
  guint64 number = 0;
  Answer answer;
  satchel_helper_calls_up ("probe", swallow, &number);
  ask (&answer, "x");
  g_assert_cmpuint (number, !=, 0);
  SatchelIpcMessage *message = reply_message (number + 1, 0); /* of nobody's call */
  satchel_ipc_put_u32 (message, 0);
  satchel_ipc_put_bytes (message, "x", 1);
  g_assert_false (says (message));
  g_assert_false (says (reply_message (number, 0)));   /* cut off */
  g_assert_false (says (reply_message (number, 100))); /* no such code */
  g_assert_false (says (reply_message (number, 1)));   /* an error without words */
  message = reply_message (number, 0);
  satchel_ipc_put_u32 (message, 2); /* bytes in a place that there is not */
  g_assert_false (says (message));
  message = reply_message (number, 0);
  satchel_ipc_put_u32 (message, 1); /* a file that did not come */
  g_assert_false (says (message));
  message = reply_message (number, 0);
  satchel_ipc_put_u32 (message, 0);
  satchel_ipc_put_bytes (message, "x", 1);
  satchel_ipc_put_u32 (message, 7); /* something after the end */
  g_assert_false (says (message));
  int fd = memfd_create ("open", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  message = reply_message (number, 0);
  satchel_ipc_put_u32 (message, 1); /* a file that can still change */
  satchel_ipc_put_fd (message, fd);
  g_assert_false (says (message));
  g_assert_false (says (satchel_ipc_message_new (SATCHEL_IPC_HELPER_CANCEL, number)));
  g_assert_cmpuint (answer.n_done, ==, 0); /* none of it was an answer */
  satchel_helper_calls_down ("probe");
  expect_error (&answer, SATCHEL_ERROR_UNAVAILABLE);
}

static gboolean
helper_says (SatchelIpcMessage *message)
{
  gboolean ok = satchel_helper_caller_message (caller, message);
  satchel_ipc_message_free (message);
  return ok;
}

static SatchelIpcMessage *
call_message (guint64 number)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_HELPER_CALL, number);
  message->deadline_ms = (guint64) satchel_clock_ms () + TIMEOUT_MS;
  satchel_ipc_put_u32 (message, 0);
  satchel_ipc_put_bytes (message, "held", 4);
  return message;
}

static void
test_rubbish_calls (void)
{
  set_up ();
  set_gate (FALSE);
  SatchelIpcMessage *message = call_message (5);
  satchel_ipc_put_u32 (message, 0);
  g_assert_true (helper_says (message));
  message = call_message (5); /* a number twice */
  satchel_ipc_put_u32 (message, 0);
  g_assert_false (helper_says (message));
  message = call_message (0);
  satchel_ipc_put_u32 (message, 0);
  g_assert_false (helper_says (message));
  g_assert_false (helper_says (call_message (6))); /* cut off */
  message = call_message (7);
  satchel_ipc_put_u32 (message, 1); /* content that did not come */
  g_assert_false (helper_says (message));
  message = call_message (8);
  int fd = memfd_create ("open", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  satchel_ipc_put_u32 (message, 1); /* content that can still change */
  satchel_ipc_put_fd (message, fd);
  g_assert_false (helper_says (message));
  g_assert_false (helper_says (satchel_ipc_message_new (SATCHEL_IPC_HELPER_REPLY, 5)));
  g_assert_true (
      helper_says (satchel_ipc_message_new (SATCHEL_IPC_HELPER_CANCEL, 99))); /* may have been answered */
  /* Its answer goes to nobody: a rubbish number for the real caller. */
  satchel_helper_caller_free (caller);
  caller = satchel_helper_caller_new (send_on, helper_link);
  take_down ();
}

/* ---- the ends of processes ---- */

static void
overdue_child (void)
{
  Answer answer;
  satchel_helper_serve_init (&ops, QUEUE, 200);
  set_up ();
  set_gate (FALSE);
  ask_with (&answer, "held", 4, -1, 100);
  loop_until (FALSE);
}

static void
test_overdue (void)
{
  if (g_test_subprocess ())
    {
      overdue_child ();
      return;
    }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_assert_cmpint (g_test_trap_has_passed (), ==, FALSE);
  g_test_trap_assert_stderr ("*cannot go on*overdue*");
}

static char *told;

static void
tell (const char *why)
{
  g_free (told);
  told = g_strdup (why);
  printf ("told: %s\n", why);
  fflush (stdout);
}

static void
test_process_fail (void)
{
  if (g_test_subprocess ())
    {
      satchel_process_set_fail_func (tell);
      satchel_process_fail ("the database wants %s", "recovery");
    }
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_failed ();
  g_test_trap_assert_stdout ("*told: the database wants recovery*");
  g_test_trap_assert_stderr ("*this process cannot go on: the database wants recovery*");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  satchel_log_open (-1, SATCHEL_LOG_ERROR, "test");
  satchel_reactor_init ();
  satchel_helper_calls_set_limits (QUEUE, 1024 * 1024);
  satchel_helper_serve_init (&ops, QUEUE, TIMEOUT_MS);
  g_test_add_func ("/helper/echo", test_echo);
  g_test_add_func ("/helper/too-long", test_too_long);
  g_test_add_func ("/helper/content", test_content);
  g_test_add_func ("/helper/content-bound", test_content_bound);
  g_test_add_func ("/helper/no-helper", test_no_helper);
  g_test_add_func ("/helper/queue", test_queue);
  g_test_add_func ("/helper/queue-of-helper", test_queue_of_helper);
  g_test_add_func ("/helper/deadline", test_deadline);
  g_test_add_func ("/helper/cancel", test_cancel);
  g_test_add_func ("/helper/down", test_down);
  g_test_add_func ("/helper/caller-gone", test_caller_gone);
  g_test_add_func ("/helper/answer-later", test_answer_later);
  g_test_add_func ("/helper/wait", test_wait);
  g_test_add_func ("/helper/rubbish-answers", test_rubbish_answers);
  g_test_add_func ("/helper/rubbish-calls", test_rubbish_calls);
  g_test_add_func ("/helper/overdue", test_overdue);
  g_test_add_func ("/helper/process-fail", test_process_fail);
  return g_test_run ();
}
