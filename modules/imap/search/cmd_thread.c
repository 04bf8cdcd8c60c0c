/* SPDX-License-Identifier: MIT
 * Implements THREAD (RFC 5256 3): ORDEREDSUBJECT, REFERENCES, and REFS of draft-ietf-morg-inthread. The tree
 * is walked without recursion, and left and taken up again at any node.
 */
#include "search/search.h"

#include <satchel/sort.h>

#define BATCH 256u

typedef struct ThreadState
{
  ImapSearch *search;
  SatchelThreads *threads; /* NULL: the search has not ended */
  guint32 *numbers;        /* of each message: sequence number or UID */
  guint32 at;              /* the node that is reported next */
  gboolean is_started;
} ThreadState;

static void
thread_state_free (gpointer data)
{
  ThreadState *state = data;
  g_clear_pointer (&state->search, imap_search_free);
  g_clear_pointer (&state->threads, satchel_threads_free);
  g_free (state->numbers);
  g_free (state);
}

/* ---- making the tree ---- */

typedef struct Batch
{
  guint n;
  guint32 uids[BATCH];
  SatchelThreadMessage messages[BATCH];
  guint64 references[BATCH][SATCHEL_KEY_REFERENCES];
  SatchelErrorCode codes[BATCH];
} Batch;

static void
set_message (guint index, const void *key, gsize len, gpointer data)
{
  Batch *batch = data;
  satchel_key_thread (key, len, &batch->messages[index], batch->references[index]);
}

static SatchelThreads *
make_threads (ImapSession *session, ImapSearch *search, SatchelThreadAlgorithm algorithm, const guint32 *rows,
              guint32 n, GError **error)
{
  g_autoptr (SatchelThreader) threader = satchel_threader_new (algorithm, n);
  g_autofree Batch *batch = g_new (Batch, 1);
  for (guint32 first = 0; first < n; first += batch->n)
    {
      if (imap_session_is_cancelled (session))
        {
          satchel_error_set (error, SATCHEL_ERROR_CANCELLED, "interrupted");
          return NULL;
        }
      batch->n = MIN (BATCH, n - first);
      for (guint i = 0; i < batch->n; i++)
        {
          guint row;
          const SatchelChunk *chunk = imap_search_row (session, search, rows[first + i] - 1, &row);
          batch->uids[i] = chunk->uid[row];
          batch->messages[i] = (SatchelThreadMessage) { .sent = chunk->internal_date[row],
                                                        .arrived = chunk->internal_date[row] };
        }
      if (!satchel_mailbox_keys (session->view->mailbox, SATCHEL_KEY_THREAD, batch->uids, batch->n,
                                 set_message, batch, batch->codes, error))
        return NULL;
      imap_search_note_locked (search, batch->codes, batch->n);
      for (guint i = 0; i < batch->n; i++)
        satchel_threader_add (threader, &batch->messages[i]);
    }
  return satchel_threader_finish (threader);
}

static gboolean
prepare (ImapSession *session, const ImapCommand *command, ThreadState *state, GError **error)
{
  const ImapSearchArguments *arguments = command->arguments;
  guint32 n;
  state->numbers = imap_search_list (state->search, &n);
  state->threads = make_threads (session, state->search, (SatchelThreadAlgorithm) arguments->algorithm,
                                 state->numbers, n, error);
  if (state->threads == NULL)
    return FALSE;
  for (guint32 i = 0; (command->row->flags & IMAP_COMMAND_UID) && i < n; i++)
    state->numbers[i] = imap_search_uid (session, state->numbers[i] - 1);
  state->at = state->threads->first;
  return TRUE;
}

/* ---- telling it ---- */

/* Says whether a node is in parentheses of its own: threads and siblings are, while an only child follows its
 * parent. */
static gboolean
is_enclosed (const SatchelThreads *threads, guint32 node)
{
  guint32 parent = threads->nodes[node].parent;
  return parent == SATCHEL_THREAD_NONE
         || threads->nodes[threads->nodes[parent].first_child].next != SATCHEL_THREAD_NONE;
}

/* Writes a node, and the parentheses that close behind it. */
static void
tell_node (ThreadState *state, ImapWriter *writer)
{
  const SatchelThreads *threads = state->threads;
  guint32 node = state->at, child = threads->nodes[node].first_child;
  if (is_enclosed (threads, node))
    imap_write (writer, "(");
  if (node < threads->n_messages)
    imap_write_number (writer, state->numbers[node]);
  if (child != SATCHEL_THREAD_NONE)
    {
      imap_write (writer, node < threads->n_messages ? " " : "");
      state->at = child;
      return;
    }
  for (; node != SATCHEL_THREAD_NONE; node = threads->nodes[node].parent)
    {
      if (is_enclosed (threads, node))
        imap_write (writer, ")");
      state->at = threads->nodes[node].next;
      if (state->at != SATCHEL_THREAD_NONE)
        return;
    }
}

static ImapStep
write_threads (ThreadState *state, ImapWriter *writer)
{
  if (!state->is_started)
    imap_write (writer, state->at != SATCHEL_THREAD_NONE ? "* THREAD " : "* THREAD");
  state->is_started = TRUE;
  while (state->at != SATCHEL_THREAD_NONE)
    {
      if (imap_writer_is_full (writer))
        return IMAP_STEP_AGAIN;
      tell_node (state, writer);
    }
  imap_write (writer, "\r\n");
  return IMAP_STEP_DONE;
}

ImapStep
imap_run_thread (ImapSession *session, ImapCommand *command, gboolean may_block)
{
  g_autoptr (GError) error = NULL;
  ImapStep step;
  if (command->state == NULL)
    {
      command->state = g_new0 (ThreadState, 1);
      command->state_free = thread_state_free;
    }
  ThreadState *state = command->state;
  if (state->threads == NULL)
    {
      if (!imap_search_run (session, command, &state->search, may_block, &step))
        return step;
      if (!prepare (session, command, state, &error))
        return imap_search_fail (session, command, error);
    }
  step = write_threads (state, &session->writer);
  return step == IMAP_STEP_DONE ? imap_search_end (session, command, state->search, "THREAD completed.")
                                : step;
}
