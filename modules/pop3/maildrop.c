/* SPDX-License-Identifier: MIT
 * The maildrop of a session: INBOX as it was at login, exclusively (RFC 1939 4 and 8), and the UPDATE state
 * (RFC 1939 6).  IMAP is never kept out: what it removes meanwhile is answered as gone.
 */
#include "pop3.h"

#include <string.h>

enum
{
  ATTRIBUTES_BATCH = 256,
  LOCK_POLL_MS = 200
};

static gboolean
fill_sizes (Pop3 *pop3, GError **error)
{
  SatchelSnapshot *snapshot = pop3->snapshot;
  pop3->total_size = 0;
  guint32 uids[ATTRIBUTES_BATCH];
  guint32 indexes[ATTRIBUTES_BATCH];
  guint n = 0;
  guint32 index = 0;
  for (guint c = 0; c < snapshot->n_chunks; c++)
    for (guint row = 0; row < snapshot->chunks[c]->n; row++, index++)
      {
        const SatchelChunk *chunk = snapshot->chunks[c];
        gboolean is_unknown = chunk->size[row] == SATCHEL_SIZE_UNKNOWN;
        if (!is_unknown)
          pop3->total_size += chunk->size[row];
        else
          {
            if (pop3->sizes == NULL)
              pop3->sizes = g_new0 (guint64, snapshot->state.n_messages);
            uids[n] = chunk->uid[row];
            indexes[n++] = index;
          }
        if (n == 0 || (n < ATTRIBUTES_BATCH && index + 1 < snapshot->state.n_messages))
          continue;
        g_autofree GBytes **attributes = g_new0 (GBytes *, n);
        if (satchel_session_is_cancelled (pop3->session)
            || !satchel_mailbox_attributes (pop3->mailbox, uids, n, attributes, error))
          return FALSE;
        for (guint i = 0; i < n; i++)
          {
            /* Gone already: an empty message, answered as gone by RETR. */
            pop3->sizes[indexes[i]] = attributes[i] != NULL ? satchel_attributes_size (attributes[i]) : 0;
            pop3->total_size += pop3->sizes[indexes[i]];
            g_clear_pointer (&attributes[i], g_bytes_unref);
          }
        n = 0;
      }
  return TRUE;
}

/* Those of the store, a chunk at a time; most stores have none. */
static gboolean
find_uidls (Pop3 *pop3, GError **error)
{
  SatchelSnapshot *snapshot = pop3->snapshot;
  for (guint c = 0; c < snapshot->n_chunks; c++)
    {
      const SatchelChunk *chunk = snapshot->chunks[c];
      char *uidls[SATCHEL_CHUNK_MESSAGES];
      if (!satchel_mailbox_unique_ids (pop3->mailbox, chunk->uid, chunk->n, uidls, error))
        return FALSE;
      for (guint row = 0; row < chunk->n; row++)
        if (uidls[row] != NULL)
          {
            if (pop3->uidls == NULL)
              pop3->uidls = g_new0 (char *, snapshot->state.n_messages + 1);
            pop3->uidls[snapshot->first_index[c] + row] = uidls[row];
          }
    }
  return TRUE;
}

static void
free_uidls (Pop3 *pop3)
{
  for (guint32 i = 0; pop3->uidls != NULL && i < pop3->snapshot->state.n_messages; i++)
    g_free (pop3->uidls[i]);
  g_clear_pointer (&pop3->uidls, g_free);
}

static void
open_job (gpointer data)
{
  Pop3 *pop3 = data;
  if (pop3->store == NULL)
    {
      SatchelStore *store = satchel_session_open_store (pop3->session, &pop3->error);
      if (store == NULL)
        return;
      pop3->store = satchel_store_ref (store);
    }
  if (pop3->mailbox == NULL)
    pop3->mailbox = satchel_store_open_mailbox (pop3->store, "INBOX", &pop3->error);
  if (pop3->mailbox == NULL)
    return;
  pop3->is_locked = satchel_mailbox_try_lock (pop3->mailbox, pop3);
  if (!pop3->is_locked)
    {
      if (g_get_monotonic_time () >= pop3->give_up_at)
        satchel_error_set (&pop3->error, SATCHEL_ERROR_INUSE, "maildrop is in use");
      return;
    }
  if (!satchel_mailbox_sync (pop3->mailbox, &pop3->error))
    return;
  pop3->snapshot = satchel_mailbox_snapshot (pop3->mailbox);
  if (fill_sizes (pop3, &pop3->error))
    find_uidls (pop3, &pop3->error);
}

static void
refuse (Pop3 *pop3)
{
  if (g_error_matches (pop3->error, SATCHEL_ERROR, SATCHEL_ERROR_INUSE))
    pop3_reply (pop3, "-ERR [IN-USE] The maildrop is in use by another session"); /* RFC 2449 8.1.1 */
  else
    pop3_reply (pop3, "-ERR [SYS/TEMP] The maildrop cannot be opened now");
  satchel_session_log (pop3->session, SATCHEL_LOG_WARNING, "maildrop not opened: %s",
                       pop3->error != NULL ? pop3->error->message : "cancelled");
  g_clear_error (&pop3->error);
  pop3->is_closing = TRUE;
  satchel_connection_close (pop3->connection);
}

static void open_maildrop_again (SatchelTimer *timer, gpointer data);

static void
open_done (gpointer data)
{
  Pop3 *pop3 = data;
  if (pop3->error != NULL || satchel_session_is_cancelled (pop3->session))
    {
      refuse (pop3);
      return;
    }
  if (!pop3->is_locked)
    {
      /* The lock is waited for by a timer: no thread sleeps. */
      satchel_timer_arm (&pop3->lock_timer, LOCK_POLL_MS, open_maildrop_again, pop3);
      return;
    }
  satchel_connection_print (pop3->connection, "+OK Logged in, %u messages (%" G_GUINT64_FORMAT " octets)\r\n",
                            pop3->snapshot->state.n_messages, pop3->total_size);
  pop3_ready (pop3);
}

static void
open_maildrop_again (SatchelTimer *timer, gpointer data)
{
  (void)timer;
  Pop3 *pop3 = data;
  satchel_session_run (pop3->session, "pop3 open", open_job, open_done, pop3);
}

void
pop3_open_maildrop (Pop3 *pop3)
{
  gint64 wait_ms = satchel_config_duration_ms (satchel_session_config (pop3->session), "lock_wait");
  pop3->give_up_at = g_get_monotonic_time () + wait_ms * 1000;
  pop3->is_busy = TRUE;
  satchel_session_run (pop3->session, "pop3 open", open_job, open_done, pop3);
}

guint64
pop3_size (Pop3 *pop3, guint32 index)
{
  guint row;
  const SatchelChunk *chunk = satchel_snapshot_at (pop3->snapshot, index, &row);
  return chunk->size[row] != SATCHEL_SIZE_UNKNOWN ? chunk->size[row] : pop3->sizes[index];
}

guint32
pop3_uid (Pop3 *pop3, guint32 index)
{
  guint row;
  const SatchelChunk *chunk = satchel_snapshot_at (pop3->snapshot, index, &row);
  return chunk->uid[row];
}

gboolean
pop3_is_deleted (Pop3 *pop3, guint32 index)
{
  return pop3->deleted != NULL && (pop3->deleted[index / 8] & (1u << (index % 8))) != 0;
}

void
pop3_delete (Pop3 *pop3, guint32 index)
{
  if (pop3->deleted == NULL)
    pop3->deleted = g_malloc0 (pop3->snapshot->state.n_messages / 8 + 1);
  pop3->deleted[index / 8] = (guint8)(pop3->deleted[index / 8] | (1u << (index % 8)));
  pop3->n_deleted++;
  pop3->size_deleted += pop3_size (pop3, index);
}

void
pop3_reset (Pop3 *pop3)
{
  g_clear_pointer (&pop3->deleted, g_free);
  pop3->n_deleted = 0;
  pop3->size_deleted = 0;
}

static gboolean
commit (SatchelStore *store, SatchelMailbox *mailbox, const SatchelUidSet *seen, const SatchelUidSet *removed,
        GError **error)
{
  if (seen->n_ranges == 0 && removed->n_ranges == 0)
    return TRUE;
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  if (seen->n_ranges > 0)
    satchel_transaction_flags (transaction, mailbox, seen, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, NULL, G_MAXUINT64);
  if (removed->n_ranges > 0)
    satchel_transaction_expunge (transaction, mailbox, removed, FALSE);
  return satchel_transaction_commit (transaction, error);
}

static void
update_job (gpointer data)
{
  Pop3 *pop3 = data;
  g_auto (SatchelUidSet) removed = { 0 };
  g_auto (SatchelUidSet) seen = { 0 };
  for (guint32 i = 0; i < pop3->snapshot->state.n_messages && pop3->n_deleted > 0; i++)
    if (pop3_is_deleted (pop3, i))
      satchel_uid_set_add (&removed, pop3_uid (pop3, i), pop3_uid (pop3, i));
  /* No flag for what goes anyway. */
  for (guint r = 0; r < pop3->seen.n_ranges; r++)
    for (guint32 uid = pop3->seen.ranges[r].first;; uid++)
      {
        if (!satchel_uid_set_contains (&removed, uid))
          satchel_uid_set_add (&seen, uid, uid);
        if (uid == pop3->seen.ranges[r].last)
          break;
      }
  commit (pop3->store, pop3->mailbox, &seen, &removed, &pop3->error);
}

static void
update_done (gpointer data)
{
  Pop3 *pop3 = data;
  satchel_uid_set_clear (&pop3->seen);
  satchel_mailbox_unlock (pop3->mailbox, pop3);
  pop3->is_locked = FALSE;
  if (pop3->error == NULL)
    {
      satchel_connection_print (pop3->connection, "+OK Bye, %u messages removed\r\n", pop3->n_deleted);
      satchel_session_log (pop3->session, SATCHEL_LOG_INFO, "logout: removed=%u", pop3->n_deleted);
    }
  else
    {
      pop3_reply (pop3, "-ERR [SYS/TEMP] Nothing was removed");
      satchel_session_log (pop3->session, SATCHEL_LOG_WARNING, "update failed: %s", pop3->error->message);
      g_clear_error (&pop3->error);
    }
  pop3->is_closing = TRUE;
  satchel_connection_close (pop3->connection);
}

void
pop3_update (Pop3 *pop3)
{
  pop3->is_busy = TRUE;
  satchel_session_run (pop3->session, "pop3 QUIT", update_job, update_done, pop3);
}

/* What is left to do after the session is gone. */
typedef struct Rest
{
  SatchelStore *store;
  SatchelMailbox *mailbox;
  SatchelUidSet seen;
} Rest;

static void
rest_job (gpointer data)
{
  Rest *rest = data;
  g_autoptr (GError) error = NULL;
  const SatchelUidSet none = { 0 };
  if (!commit (rest->store, rest->mailbox, &rest->seen, &none, &error))
    satchel_log (SATCHEL_LOG_WARNING, "pop3", "flags not kept: user=%s: %s", satchel_store_user (rest->store), error->message);
}

static void
rest_done (gpointer data)
{
  Rest *rest = data;
  satchel_uid_set_clear (&rest->seen);
  satchel_mailbox_unref (rest->mailbox);
  satchel_store_unref (rest->store);
  g_free (rest);
}

void
pop3_close_maildrop (Pop3 *pop3)
{
  satchel_timer_cancel (&pop3->lock_timer);
  if (pop3->is_locked)
    satchel_mailbox_unlock (pop3->mailbox, pop3);
  if (pop3->seen.n_ranges > 0)
    {
      Rest *rest = g_new0 (Rest, 1);
      rest->store = satchel_store_ref (pop3->store);
      rest->mailbox = satchel_mailbox_ref (pop3->mailbox);
      rest->seen = pop3->seen;
      memset (&pop3->seen, 0, sizeof pop3->seen);
      satchel_job_submit (satchel_store_user (rest->store), "pop3 flags", rest_job, rest_done, rest);
    }
  free_uidls (pop3);
  g_clear_pointer (&pop3->snapshot, satchel_snapshot_unref);
  g_clear_pointer (&pop3->mailbox, satchel_mailbox_unref);
  g_clear_pointer (&pop3->store, satchel_store_unref);
  g_clear_pointer (&pop3->sizes, g_free);
  g_clear_pointer (&pop3->deleted, g_free);
  g_clear_error (&pop3->error);
}
