/* SPDX-License-Identifier: MIT
 * The UPDATE state (RFC 1939 6), which only QUIT leads to: one transaction, all or none; very many messages
 * take several, each all or none.  Whatever ends a session, what was retrieved is marked as read.
 */
#include "pop3_session.h"

#include <string.h>

enum
{
  UPDATE_MESSAGES = 32768 /* a transaction: 200 bytes of memory each until it is done */
};

static gboolean
commit (SatchelStore *store, SatchelMailbox *mailbox, const SatchelUidSet *seen, const SatchelUidSet *removed,
        GError **error)
{
  gboolean keeps_keywords;
  /* If the user may not set \Seen, messages stay unmarked. */
  gboolean marks = seen->n_ranges > 0
                   && (satchel_mailbox_permanent_flags (mailbox, &keeps_keywords) & SATCHEL_FLAG_SEEN) != 0;
  if (!marks && removed->n_ranges == 0)
    return TRUE;
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  if (marks)
    satchel_transaction_flags (transaction, mailbox, seen, SATCHEL_FLAGS_ADD, SATCHEL_FLAG_SEEN, NULL,
                               G_MAXUINT64);
  if (removed->n_ranges > 0)
    satchel_transaction_expunge (transaction, mailbox, removed, FALSE);
  return satchel_transaction_commit (transaction, error);
}

/* Finds messages that were retrieved and stay; those that are removed need no flag. */
static void
find_seen (Pop3 *pop3, SatchelUidSet *seen)
{
  for (guint r = 0; r < pop3->seen.n_ranges; r++)
    for (guint32 uid = pop3->seen.ranges[r].first;; uid++)
      {
        guint32 index;
        if (satchel_snapshot_find (pop3->snapshot, uid, &index) && !pop3_is_deleted (pop3, index))
          satchel_uid_set_add (seen, uid, uid);
        if (uid == pop3->seen.ranges[r].last)
          break;
      }
}

static void
update_job (gpointer data)
{
  Pop3 *pop3 = data;
  g_auto (SatchelUidSet) seen = { 0 };
  find_seen (pop3, &seen);
  guint32 at = 0;
  do
    {
      g_auto (SatchelUidSet) removed = { 0 };
      guint n = 0;
      for (; at < pop3->snapshot->state.n_messages && n < UPDATE_MESSAGES; at++)
        if (pop3_is_deleted (pop3, at))
          {
            satchel_uid_set_add (&removed, pop3_uid (pop3, at), pop3_uid (pop3, at));
            n++;
          }
      if (!commit (pop3->store, pop3->mailbox, &seen, &removed, &pop3->error))
        return;
      satchel_uid_set_clear (&seen);
      pop3->n_removed += n;
    }
  while (pop3->n_removed < pop3->n_deleted);
}

static void
update_done (gpointer data)
{
  Pop3 *pop3 = data;
  satchel_uid_set_clear (&pop3->seen);
  pop3_unlock (pop3);
  if (pop3->error == NULL)
    {
      pop3_reply (pop3, POP3_TEXT_BYE);
      satchel_session_log (pop3->session, SATCHEL_LOG_INFO, "logout: removed=%u", pop3->n_deleted);
    }
  else
    {
      pop3_reply (pop3, pop3->n_removed > 0 ? POP3_TEXT_SOME_NOT_REMOVED : POP3_TEXT_NOT_REMOVED);
      satchel_session_log (pop3->session, SATCHEL_LOG_WARNING, "update failed: removed=%u of %u: %s",
                           pop3->n_removed, pop3->n_deleted, pop3->error->message);
      g_clear_error (&pop3->error);
    }
  pop3_close (pop3);
}

void
pop3_update (Pop3 *pop3)
{
  pop3_set_state (pop3, POP3_UPDATING);
  satchel_session_run (pop3->session, "pop3 QUIT", update_job, update_done, pop3);
}

/* This work is left after the session is gone. */
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
    satchel_log (SATCHEL_LOG_WARNING, "pop3",
                 "user=%s flags that were set in the session could not be stored: %s",
                 satchel_store_user (rest->store), error->message);
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
pop3_keep_marks (Pop3 *pop3)
{
  if (pop3->seen.n_ranges == 0)
    return;
  Rest *rest = g_new0 (Rest, 1);
  rest->store = satchel_store_ref (pop3->store);
  rest->mailbox = satchel_mailbox_ref (pop3->mailbox);
  rest->seen = pop3->seen;
  memset (&pop3->seen, 0, sizeof pop3->seen);
  satchel_job_submit (satchel_store_user (rest->store), "pop3 flags", rest_job, rest_done, rest);
}
