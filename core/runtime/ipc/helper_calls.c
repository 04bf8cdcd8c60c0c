/* SPDX-License-Identifier: MIT
 * Calls helpers, in the process that calls. Each call has a number, which the helper answers once, even
 * after a cancel. Until then the call counts against the bounds, since the helper still works on it.
 */
#include "config.h"

#include "core/runtime/ipc/helper_private.h"
#include "core/runtime/loop/job_private.h"
#include "core/runtime/loop/reactor_private.h"
#include "core/runtime/ipc/sealed.h"

#include <satchel/hash.h>
#include <unistd.h>

#define BEAT_MS 100 /* below the shortest server.stuck_time */

typedef struct Target
{
  char *module;
  SatchelHelperSendFunc send; /* NULL: the helper is down */
  gpointer data;
  GHashTable *calls;     /* number -> SatchelHelperPending, owned */
  guint64 content_bytes; /* bytes of content in calls without an answer */
} Target;

struct SatchelHelperPending
{
  Target *target; /* NULL: no such helper is linked */
  guint64 number, content_bytes;
  gboolean is_sent; /* `calls` has it; otherwise it fails by itself, soon */
  gboolean is_cancelled;
  SatchelHelperDoneFunc done; /* NULL: it has been called, and a later answer is dropped */
  gpointer data;
  GError *error; /* the error of a call that fails by itself */
  SatchelTimer timer;
};

static GHashTable *targets; /* module -> Target */
static guint64 last_number, max_content_bytes = 256u * 1024u * 1024u;
static guint max_calls = 256;

void
satchel_helper_calls_set_limits (guint calls, guint64 bytes)
{
  max_calls = calls;
  max_content_bytes = bytes;
}

guint
satchel_helper_calls_n (void)
{
  GHashTableIter iter;
  gpointer target;
  guint n = 0;
  if (targets == NULL)
    return 0;
  g_hash_table_iter_init (&iter, targets);
  while (g_hash_table_iter_next (&iter, NULL, &target))
    n += g_hash_table_size (((Target *) target)->calls);
  return n;
}

static void
pending_free (gpointer data)
{
  SatchelHelperPending *pending = data;
  satchel_timer_cancel (&pending->timer);
  if (pending->target != NULL)
    pending->target->content_bytes -= pending->content_bytes;
  g_clear_error (&pending->error);
  g_free (pending);
}

static Target *
find_target (const char *module)
{
  if (targets == NULL)
    targets = g_hash_table_new (satchel_string_hash, g_str_equal);
  Target *target = g_hash_table_lookup (targets, module);
  if (target != NULL)
    return target;
  target = g_new0 (Target, 1);
  target->module = g_strdup (module);
  target->calls = g_hash_table_new_full (satchel_number64_hash, g_int64_equal, NULL, pending_free);
  g_hash_table_insert (targets, target->module, target);
  return target;
}

/* Calls `done`; the record may still wait for the helper's answer. */
static void
answer_pending (SatchelHelperPending *pending, GBytes *reply, const GError *error)
{
  SatchelHelperDoneFunc done = pending->done;
  satchel_timer_cancel (&pending->timer);
  pending->done = NULL;
  if (done != NULL)
    done (reply, error, pending->data);
}

static void
send_cancel (const SatchelHelperPending *pending)
{
  const Target *target = pending->target;
  if (target->send != NULL)
    (void) target->send (target->data, satchel_ipc_message_new (SATCHEL_IPC_HELPER_CANCEL, pending->number));
}

static void
time_over (SatchelTimer *timer, gpointer data)
{
  SatchelHelperPending *pending = data;
  g_autoptr (GError) error = g_error_new (SATCHEL_ERROR, SATCHEL_ERROR_TIMEOUT,
                                          "helper %s did not answer in time", pending->target->module);
  send_cancel (pending);
  answer_pending (pending, NULL, error);
}

static const char cancelled_text[] = "the call of a helper was cancelled";

static void
end_soon (gpointer data)
{
  SatchelHelperPending *pending = data;
  answer_pending (pending, NULL, pending->error);
  pending_free (pending);
}

static SatchelHelperPending *
refuse_pending (SatchelHelperPending *pending, SatchelErrorCode code, const char *text)
{
  pending->is_sent = FALSE;
  g_set_error_literal (&pending->error, SATCHEL_ERROR, (gint) code, text);
  satchel_defer (end_soon, pending);
  return pending;
}

static gboolean
take_content (SatchelHelperPending *pending, int content_fd, const char **ret_why)
{
  guint64 len = 0;
  if (content_fd < 0)
    return TRUE;
  if (!satchel_sealed_check (content_fd, &len))
    *ret_why = "content for a helper is not sealed";
  else if (len > max_content_bytes || pending->target->content_bytes > max_content_bytes - len)
    *ret_why = NULL;
  else
    {
      pending->content_bytes = len;
      pending->target->content_bytes += len;
      return TRUE;
    }
  return FALSE;
}

static SatchelIpcMessage *
make_message (const SatchelHelperPending *pending, GBytes *request, int content_fd, gint64 timeout_ms,
              int *ret_fd)
{
  g_autoptr (SatchelIpcMessage) message = satchel_ipc_message_new (SATCHEL_IPC_HELPER_CALL, pending->number);
  message->deadline_ms = (guint64) (satchel_clock_ms () + timeout_ms);
  if (!satchel_helper_put_bytes (message, request, ret_fd))
    return NULL;
  satchel_ipc_put_u32 (message, content_fd >= 0);
  if (content_fd >= 0)
    satchel_ipc_put_fd (message, content_fd);
  return g_steal_pointer (&message);
}

SatchelHelperPending *
satchel_helper_call (const char *module, GBytes *request, int content_fd, gint64 timeout_ms,
                     SatchelHelperDoneFunc done, gpointer data)
{
  g_return_val_if_fail (module != NULL && done != NULL && timeout_ms > 0, NULL);
  satchel_reactor_init ();
  SatchelHelperPending *pending = g_new0 (SatchelHelperPending, 1);
  pending->done = done;
  pending->data = data;
  Target *target = pending->target = targets != NULL ? g_hash_table_lookup (targets, module) : NULL;
  const char *why = NULL;
  if (target == NULL)
    return refuse_pending (pending, SATCHEL_ERROR_UNAVAILABLE, "this process is linked with no such helper");
  if (target->send == NULL)
    return refuse_pending (pending, SATCHEL_ERROR_UNAVAILABLE, "the helper is down just now");
  if (request != NULL && g_bytes_get_size (request) > SATCHEL_HELPER_BYTES_MAX)
    return refuse_pending (pending, SATCHEL_ERROR_LIMIT, "the request to a helper is too long");
  if (g_hash_table_size (target->calls) >= max_calls)
    return refuse_pending (pending, SATCHEL_ERROR_UNAVAILABLE,
                           "too many calls wait for the helper (helpers.queue)");
  if (!take_content (pending, content_fd, &why))
    return refuse_pending (pending, why != NULL ? SATCHEL_ERROR_LIMIT : SATCHEL_ERROR_UNAVAILABLE,
                           why != NULL ? why : "too much content waits for the helper (helpers.content)");
  timeout_ms = MIN (timeout_ms, SATCHEL_HELPER_TIMEOUT_MAX_MS);
  pending->number = ++last_number;
  int fd = -1;
  SatchelIpcMessage *message = make_message (pending, request, content_fd, timeout_ms, &fd);
  gboolean is_sent = message != NULL && target->send (target->data, message);
  if (fd >= 0)
    close (fd);
  if (!is_sent)
    return refuse_pending (pending, SATCHEL_ERROR_UNAVAILABLE, "the call could not be sent to the helper");
  pending->is_sent = TRUE;
  g_hash_table_insert (target->calls, &pending->number, pending);
  satchel_timer_arm (&pending->timer, timeout_ms, time_over, pending);
  return pending;
}

static void
cancel_now (SatchelTimer *timer, gpointer data)
{
  g_autoptr (GError) error = g_error_new_literal (SATCHEL_ERROR, SATCHEL_ERROR_CANCELLED, cancelled_text);
  answer_pending (data, NULL, error);
}

void
satchel_helper_cancel (SatchelHelperPending *pending)
{
  pending->is_cancelled = TRUE;
  if (!pending->is_sent)
    {
      g_clear_error (&pending->error);
      pending->error = g_error_new_literal (SATCHEL_ERROR, SATCHEL_ERROR_CANCELLED, cancelled_text);
      return;
    }
  send_cancel (pending);
  satchel_timer_arm (&pending->timer, 0, cancel_now, pending);
}

void
satchel_helper_calls_up (const char *module, SatchelHelperSendFunc send, gpointer data)
{
  Target *target = find_target (module);
  target->send = send;
  target->data = data;
}

static void
lose_pending (gpointer key, gpointer value, gpointer data)
{
  SatchelHelperPending *pending = value;
  satchel_timer_cancel (&pending->timer);
  if (pending->is_cancelled)
    refuse_pending (pending, SATCHEL_ERROR_CANCELLED, cancelled_text);
  else
    refuse_pending (pending, SATCHEL_ERROR_UNAVAILABLE, "the helper went down");
}

void
satchel_helper_calls_down (const char *module)
{
  Target *target = find_target (module);
  target->send = NULL;
  g_hash_table_foreach (target->calls, lose_pending, NULL);
  g_hash_table_steal_all (target->calls);
}

gboolean
satchel_helper_calls_message (const char *module, SatchelIpcMessage *message)
{
  Target *target = find_target (module);
  SatchelHelperPending *pending = g_hash_table_lookup (target->calls, &message->session_id);
  if (message->type != SATCHEL_IPC_HELPER_REPLY || pending == NULL)
    return FALSE;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) reply = satchel_helper_take_answer (message, &error);
  if (reply == NULL && error == NULL)
    return FALSE;
  g_hash_table_steal (target->calls, &pending->number);
  pending->is_sent = FALSE;
  if (pending->is_cancelled)
    {
      g_clear_pointer (&reply, g_bytes_unref);
      g_clear_error (&error);
      g_set_error_literal (&error, SATCHEL_ERROR, SATCHEL_ERROR_CANCELLED, cancelled_text);
    }
  answer_pending (pending, reply, error);
  pending_free (pending);
  return TRUE;
}

typedef struct Wait
{
  const char *module;
  GBytes *request;
  int content_fd;
  gint64 timeout_ms;
  GMutex lock;
  GCond ended;
  gboolean has_ended;
  GBytes *reply;
  GError *error;
} Wait;

static void
wait_done (GBytes *reply, const GError *error, gpointer data)
{
  Wait *wait = data;
  g_mutex_lock (&wait->lock);
  wait->reply = reply != NULL ? g_bytes_ref (reply) : NULL;
  wait->error = error != NULL ? g_error_copy (error) : NULL;
  wait->has_ended = TRUE;
  g_cond_signal (&wait->ended);
  g_mutex_unlock (&wait->lock);
}

static void
wait_start (gpointer data)
{
  Wait *wait = data;
  (void) satchel_helper_call (wait->module, wait->request, wait->content_fd, wait->timeout_ms, wait_done,
                              wait);
}

GBytes *
satchel_helper_call_wait (const char *module, GBytes *request, int content_fd, gint64 timeout_ms,
                          GError **error)
{
  g_return_val_if_fail (!g_main_context_is_owner (g_main_context_default ()), NULL);
  Wait wait = {
    .module = module, .request = request, .content_fd = content_fd, .timeout_ms = MAX (timeout_ms, 1)
  };
  g_mutex_init (&wait.lock);
  g_cond_init (&wait.ended);
  satchel_defer (wait_start, &wait);
  g_mutex_lock (&wait.lock);
  /* The call ends at its deadline, so master's watch for stuck jobs must not take this thread for one. */
  while (!wait.has_ended)
    if (!g_cond_wait_until (&wait.ended, &wait.lock, g_get_monotonic_time () + BEAT_MS * 1000))
      satchel_job_beat ();
  g_mutex_unlock (&wait.lock);
  g_mutex_clear (&wait.lock);
  g_cond_clear (&wait.ended);
  if (wait.error != NULL)
    g_propagate_error (error, wait.error);
  return wait.reply;
}
