/* SPDX-License-Identifier: MIT
 * Serves calls in the helper. Each caller has a queue of its own, callers are served in turn, and at most
 * `max_calls` calls are worked on. If a module does not answer in time, the process ends, since a thread
 * cannot be ended alone.
 */
#include "config.h"

#include "core/base/fd.h"
#include "core/runtime/ipc/helper_private.h"
#include "core/runtime/loop/job_private.h"
#include "core/runtime/process/process.h"
#include "core/runtime/loop/reactor_private.h"
#include "core/runtime/ipc/sealed.h"

#include <satchel/hash.h>
#include <unistd.h>

#define CALLS_MAX 256u

struct SatchelHelperCaller
{
  SatchelHelperSendFunc send; /* NULL: the caller has gone, and this record is freed with its last call */
  gpointer data;
  GHashTable *calls; /* from number to SatchelHelperCall, of calls without an answer */
  guint n_records;   /* number of calls, including those whose job has not returned yet */
  GQueue waiting;    /* SatchelHelperCall */
  gboolean is_in_line;
};

struct SatchelHelperCall
{
  SatchelHelperCaller *caller;
  guint64 number;
  gint64 deadline_ms;
  GBytes *request;
  int content_fd;
  guint64 content_bytes;
  gpointer data;
  gint is_cancelled; /* atomic */
  gint has_answer;   /* atomic; a second answer is a mistake of the module */
  gboolean is_running, has_returned, is_answered;
  SatchelTimer timer;
  /* The answer, which may come from any thread. */
  GBytes *reply;
  SatchelErrorCode code;
  char *message; /* NULL: the call succeeded, with `reply` */
};

static const SatchelHelperOps *ops;
static guint max_calls, max_waiting, n_running;
static guint64 n_answered;
static gint64 overdue_ms;
static GQueue line = G_QUEUE_INIT; /* callers that have waiting calls, in the order of their turns */
static guint n_waiting;

static void run_next (void);

void
satchel_helper_serve_init (const SatchelHelperOps *own_ops, guint waiting, gint64 overdue)
{
  ops = own_ops;
  max_calls = CLAMP (ops->max_calls, 1, CALLS_MAX);
  max_waiting = waiting;
  overdue_ms = overdue;
  /* The module itself may need one thread besides those of its calls. */
  satchel_job_set_limits (MIN (max_calls + 1, CALLS_MAX), 0);
}

void
satchel_helper_serve_counts (guint *ret_running, guint *ret_waiting, guint64 *ret_answered)
{
  *ret_running = n_running;
  *ret_waiting = n_waiting;
  *ret_answered = n_answered;
}

SatchelHelperCaller *
satchel_helper_caller_new (SatchelHelperSendFunc send, gpointer data)
{
  SatchelHelperCaller *caller = g_new0 (SatchelHelperCaller, 1);
  caller->send = send;
  caller->data = data;
  caller->calls = g_hash_table_new (satchel_number64_hash, g_int64_equal);
  g_queue_init (&caller->waiting);
  return caller;
}

static void
forget_caller (SatchelHelperCaller *caller)
{
  if (caller->send != NULL || caller->n_records > 0)
    return;
  g_hash_table_unref (caller->calls);
  g_free (caller);
}

static void
call_free (SatchelHelperCall *call)
{
  SatchelHelperCaller *caller = call->caller;
  satchel_timer_cancel (&call->timer);
  if (!call->is_answered)
    g_hash_table_remove (caller->calls, &call->number);
  caller->n_records--;
  g_bytes_unref (call->request);
  g_clear_pointer (&call->reply, g_bytes_unref);
  g_free (call->message);
  satchel_fd_clear (&call->content_fd);
  g_free (call);
  forget_caller (caller);
}

static void
send_answer (SatchelHelperCall *call)
{
  SatchelHelperCaller *caller = call->caller;
  if (caller->send == NULL)
    return;
  g_autoptr (SatchelIpcMessage) message = satchel_ipc_message_new (SATCHEL_IPC_HELPER_REPLY, call->number);
  g_auto (SatchelFd) fd = -1;
  gboolean is_reply = call->message == NULL;
  if (is_reply)
    {
      satchel_ipc_put_u32 (message, 0);
      is_reply = satchel_helper_put_bytes (message, call->reply, &fd);
    }
  if (!is_reply)
    {
      const char *text = call->message != NULL ? call->message : "the helper's reply is too long";
      g_clear_pointer (&message, satchel_ipc_message_free);
      message = satchel_ipc_message_new (SATCHEL_IPC_HELPER_REPLY, call->number);
      satchel_helper_put_error (message, call->message != NULL ? call->code : SATCHEL_ERROR_LIMIT, text);
    }
  (void) caller->send (caller->data, g_steal_pointer (&message));
}

/* Frees a call when it has been answered and its job has returned, whichever comes last. */
static void
finish_call (SatchelHelperCall *call)
{
  if (!call->is_answered || !call->has_returned)
    return;
  n_running--;
  call_free (call);
  run_next ();
}

static void
note_answered (gpointer data)
{
  SatchelHelperCall *call = data;
  call->is_answered = TRUE;
  n_answered++;
  g_hash_table_remove (call->caller->calls, &call->number);
  satchel_timer_cancel (&call->timer);
  send_answer (call);
  finish_call (call);
}

void
satchel_helper_reply (SatchelHelperCall *call, GBytes *reply)
{
  g_return_if_fail (g_atomic_int_compare_and_exchange (&call->has_answer, FALSE, TRUE));
  call->reply = reply != NULL ? g_bytes_ref (reply) : NULL;
  satchel_defer (note_answered, call);
}

void
satchel_helper_fail (SatchelHelperCall *call, SatchelErrorCode code, const char *message)
{
  g_return_if_fail (g_atomic_int_compare_and_exchange (&call->has_answer, FALSE, TRUE));
  call->code = code;
  call->message = g_strdup (message != NULL ? message : "no reason given");
  satchel_defer (note_answered, call);
}

static void
note_returned (gpointer data)
{
  SatchelHelperCall *call = data;
  call->has_returned = TRUE;
  finish_call (call);
}

static void
run_call (gpointer data)
{
  ops->handle (data);
}

static void
run_next (void)
{
  while (n_running < max_calls && !g_queue_is_empty (&line))
    {
      SatchelHelperCaller *caller = g_queue_pop_head (&line);
      SatchelHelperCall *call = g_queue_pop_head (&caller->waiting);
      n_waiting--;
      caller->is_in_line = !g_queue_is_empty (&caller->waiting);
      if (caller->is_in_line)
        g_queue_push_tail (&line, caller);
      call->is_running = TRUE;
      n_running++;
      satchel_job_submit (NULL, "helper call", run_call, note_returned, call);
    }
}

/* Answers a call that never ran, so nobody works on it. */
static void
drop_waiting (SatchelHelperCall *call, SatchelErrorCode code, const char *message)
{
  SatchelHelperCaller *caller = call->caller;
  n_waiting--;
  g_queue_remove (&caller->waiting, call);
  if (g_queue_is_empty (&caller->waiting) && caller->is_in_line)
    {
      g_queue_remove (&line, caller);
      caller->is_in_line = FALSE;
    }
  call->code = code;
  call->message = g_strdup (message);
  send_answer (call);
  call_free (call);
}

static void
check_overdue (SatchelTimer *timer, gpointer data)
{
  satchel_process_fail ("a call has had no answer for %" G_GINT64_FORMAT
                        " ms after its caller gave up (helpers.overdue)",
                        overdue_ms);
}

/* Gives up a call for which nobody waits any more. */
static void
give_up (SatchelHelperCall *call, SatchelErrorCode code, const char *message)
{
  if (!call->is_running)
    {
      drop_waiting (call, code, message);
      return;
    }
  if (call->is_answered || !g_atomic_int_compare_and_exchange (&call->is_cancelled, FALSE, TRUE))
    return;
  satchel_timer_arm (&call->timer, overdue_ms, check_overdue, call);
  if (SATCHEL_HAS (ops, cancelled))
    ops->cancelled (call);
}

static void
time_over (SatchelTimer *timer, gpointer data)
{
  give_up (data, SATCHEL_ERROR_TIMEOUT, "the time was over before the helper could begin");
}

static gboolean
refuse_call (SatchelHelperCaller *caller, guint64 number, const char *text)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_HELPER_REPLY, number);
  satchel_ipc_put_u32 (message, 1 + (guint32) SATCHEL_ERROR_UNAVAILABLE);
  satchel_ipc_put_string (message, text);
  (void) caller->send (caller->data, message);
  return TRUE;
}

static gboolean
take_content (SatchelIpcMessage *message, int *ret_fd, guint64 *ret_bytes)
{
  if (satchel_ipc_get_u32 (message) == 0)
    return TRUE;
  *ret_fd = satchel_ipc_take_fd (message);
  return *ret_fd >= 0 && satchel_sealed_check (*ret_fd, ret_bytes);
}

static gboolean
take_call (SatchelHelperCaller *caller, SatchelIpcMessage *message)
{
  guint64 number = message->session_id;
  if (number == 0 || g_hash_table_contains (caller->calls, &number))
    return FALSE;
  if (g_hash_table_size (caller->calls) >= max_waiting)
    return refuse_call (caller, number, "too many calls wait in the helper (helpers.queue)");
  g_auto (SatchelFd) content_fd = -1;
  guint64 content_bytes = 0;
  g_autoptr (GBytes) request = satchel_helper_take_bytes (message);
  if (request == NULL || !take_content (message, &content_fd, &content_bytes)
      || !satchel_ipc_message_is_done (message))
    return FALSE;
  SatchelHelperCall *call = g_new0 (SatchelHelperCall, 1);
  gint64 now_ms = satchel_clock_ms (),
         left_ms = (gint64) MIN (message->deadline_ms, (guint64) G_MAXINT64) - now_ms;
  call->caller = caller;
  call->number = number;
  call->request = g_steal_pointer (&request);
  call->content_fd = satchel_fd_steal (&content_fd);
  call->content_bytes = content_bytes;
  left_ms = CLAMP (left_ms, 0, SATCHEL_HELPER_TIMEOUT_MAX_MS);
  call->deadline_ms = now_ms + left_ms;
  g_hash_table_insert (caller->calls, &call->number, call);
  caller->n_records++;
  g_queue_push_tail (&caller->waiting, call);
  n_waiting++;
  if (!caller->is_in_line)
    g_queue_push_tail (&line, caller);
  caller->is_in_line = TRUE;
  satchel_timer_arm (&call->timer, left_ms, time_over, call);
  run_next ();
  return TRUE;
}

static gboolean
take_cancel (SatchelHelperCaller *caller, SatchelIpcMessage *message)
{
  SatchelHelperCall *call = g_hash_table_lookup (caller->calls, &message->session_id);
  if (!satchel_ipc_message_is_done (message))
    return FALSE;
  /* The call may have been answered meanwhile. */
  if (call != NULL)
    give_up (call, SATCHEL_ERROR_CANCELLED, "the call of a helper was cancelled");
  return TRUE;
}

gboolean
satchel_helper_caller_message (SatchelHelperCaller *caller, SatchelIpcMessage *message)
{
  if (message->type == SATCHEL_IPC_HELPER_CALL)
    return take_call (caller, message);
  return message->type == SATCHEL_IPC_HELPER_CANCEL && take_cancel (caller, message);
}

void
satchel_helper_caller_free (SatchelHelperCaller *caller)
{
  if (caller == NULL)
    return;
  g_autoptr (GList) calls = g_hash_table_get_values (caller->calls);
  for (GList *link = calls; link != NULL; link = link->next)
    give_up (link->data, SATCHEL_ERROR_CANCELLED, "the caller is gone");
  caller->send = NULL;
  forget_caller (caller);
}

GBytes *
satchel_helper_call_request (const SatchelHelperCall *call)
{
  return call->request;
}

int
satchel_helper_call_content_fd (const SatchelHelperCall *call)
{
  return call->content_fd;
}

guint64
satchel_helper_call_content_bytes (const SatchelHelperCall *call)
{
  return call->content_bytes;
}

gint64
satchel_helper_call_left_ms (const SatchelHelperCall *call)
{
  return satchel_helper_call_is_cancelled (call) ? 0 : MAX (0, call->deadline_ms - satchel_clock_ms ());
}

gboolean
satchel_helper_call_is_cancelled (const SatchelHelperCall *call)
{
  return g_atomic_int_get (&call->is_cancelled) != 0;
}

void
satchel_helper_call_set_data (SatchelHelperCall *call, gpointer data)
{
  g_atomic_pointer_set (&call->data, data);
}

gpointer
satchel_helper_call_data (SatchelHelperCall *call)
{
  return g_atomic_pointer_get (&call->data);
}
