/* SPDX-License-Identifier: MIT
 * This file asks auth to change a user's placement.  It may repeat the question: auth answers a question
 * that it has answered before in the same way, even if it was killed in between.
 */
#include "config.h"

#include "core/session/convert/turn.h"

#include <satchel/reactor.h>

#define RETRY_MS 100
#define LOOK_US 200000
#define QUESTION_US (20 * (gint64) G_USEC_PER_SEC)

typedef struct Turn
{
  char *user, *profile, *volume;
  guint64 request, epoch;
  gboolean is_final;
  gboolean is_sent; /* used by the main thread */

  GMutex lock; /* guards all members below */
  GCond answered;
  gboolean is_answered, is_given_up;
  guint32 code; /* 0, or 1 + SatchelErrorCode */
  char *why;
  SatchelTurnAnswer answer;
} Turn;

static gboolean (*send_to_auth) (SatchelIpcMessage *message);
static GPtrArray *turns; /* Turn, each with a reference; used by the main thread */
static guint64 last_request;
static SatchelTimer retry_timer;

static void
turn_clear (gpointer data)
{
  Turn *turn = data;
  g_free (turn->user);
  g_free (turn->profile);
  g_free (turn->volume);
  g_free (turn->why);
  g_mutex_clear (&turn->lock);
  g_cond_clear (&turn->answered);
}

static void
turn_unref (gpointer turn)
{
  g_atomic_rc_box_release_full (turn, turn_clear);
}

void
satchel_turn_init (gboolean (*send) (SatchelIpcMessage *message))
{
  send_to_auth = send;
  if (turns == NULL)
    turns = g_ptr_array_new_with_free_func (turn_unref);
}

static gboolean
is_given_up (Turn *turn)
{
  g_mutex_lock (&turn->lock);
  gboolean is = turn->is_given_up;
  g_mutex_unlock (&turn->lock);
  return is;
}

static void
send_unsent (SatchelTimer *timer, gpointer data)
{
  gboolean has_more = FALSE;
  for (guint i = turns->len; i > 0; i--)
    {
      Turn *turn = turns->pdata[i - 1];
      if (is_given_up (turn))
        {
          g_ptr_array_remove_index (turns, i - 1);
          continue;
        }
      if (turn->is_sent)
        continue;
      SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_TURN, 0);
      satchel_ipc_put_u64 (message, turn->request);
      satchel_ipc_put_string (message, turn->user);
      satchel_ipc_put_u64 (message, turn->epoch);
      satchel_ipc_put_string (message, turn->profile);
      satchel_ipc_put_string (message, turn->volume);
      satchel_ipc_put_u32 (message, turn->is_final);
      turn->is_sent = send_to_auth (message);
      has_more |= !turn->is_sent;
    }
  if (has_more)
    satchel_timer_arm (&retry_timer, RETRY_MS, send_unsent, NULL);
}

/* Sends the question to auth.  Takes the reference over. */
static void
begin_turn (gpointer data)
{
  Turn *turn = data;
  turn->request = ++last_request;
  g_ptr_array_add (turns, turn);
  send_unsent (NULL, NULL);
}

gboolean
satchel_turn_message (SatchelIpcMessage *message)
{
  guint64 request = satchel_ipc_get_u64 (message);
  guint32 code = satchel_ipc_get_u32 (message);
  const char *why = satchel_ipc_get_string (message);
  SatchelTurnAnswer answer = { .epoch = satchel_ipc_get_u64 (message) };
  answer.slot = satchel_ipc_get_u32 (message);
  if (!satchel_ipc_message_is_done (message) || code > 1 + SATCHEL_ERROR_RESOURCES)
    return FALSE;
  for (guint i = 0; i < turns->len; i++)
    {
      Turn *turn = turns->pdata[i];
      if (turn->request != request)
        continue;
      g_mutex_lock (&turn->lock);
      turn->is_answered = TRUE;
      turn->code = code;
      turn->why = g_strdup (why);
      turn->answer = answer;
      g_cond_signal (&turn->answered);
      g_mutex_unlock (&turn->lock);
      g_ptr_array_remove_index (turns, i);
      break;
    }
  return TRUE;
}

void
satchel_turn_auth_lost (void)
{
  for (guint i = 0; turns != NULL && i < turns->len; i++)
    ((Turn *) turns->pdata[i])->is_sent = FALSE;
  if (turns != NULL && turns->len > 0)
    satchel_timer_arm (&retry_timer, RETRY_MS, send_unsent, NULL);
}

/* Waits for auth's answer.  The caller holds the turn's lock. */
static gboolean
wait_for_answer (Turn *turn, SatchelTurnStopFunc is_stopping, gpointer data)
{
  const gint64 until_us = g_get_monotonic_time () + QUESTION_US;
  while (!turn->is_answered)
    {
      gint64 now_us = g_get_monotonic_time ();
      if (is_stopping (data) || (!turn->is_final && now_us > until_us))
        return FALSE;
      g_cond_wait_until (&turn->answered, &turn->lock, now_us + LOOK_US);
    }
  return TRUE;
}

SatchelTurnResult
satchel_turn_ask (const char *user, const SatchelPlace *from, const SatchelPlace *to, gboolean is_final,
                  SatchelTurnStopFunc is_stopping, gpointer data, SatchelTurnAnswer *ret_answer,
                  GError **error)
{
  Turn *turn = g_atomic_rc_box_new0 (Turn);
  turn->user = g_strdup (user);
  turn->profile = g_strdup (to->profile);
  turn->volume = g_strdup (to->volume);
  turn->epoch = from->epoch;
  turn->is_final = is_final;
  g_mutex_init (&turn->lock);
  g_cond_init (&turn->answered);
  satchel_defer (begin_turn, g_atomic_rc_box_acquire (turn));
  g_mutex_lock (&turn->lock);
  SatchelTurnResult result = SATCHEL_TURN_DONE;
  if (!wait_for_answer (turn, is_stopping, data))
    {
      turn->is_given_up = TRUE;
      result = is_final ? SATCHEL_TURN_UNKNOWN : SATCHEL_TURN_REFUSED;
      satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "auth does not say where the user's mail is");
    }
  else if (turn->code != 0)
    {
      result = SATCHEL_TURN_REFUSED;
      satchel_error_set (error, (SatchelErrorCode) (turn->code - 1), "%s", turn->why);
    }
  *ret_answer = turn->answer;
  g_mutex_unlock (&turn->lock);
  turn_unref (turn);
  return result;
}
