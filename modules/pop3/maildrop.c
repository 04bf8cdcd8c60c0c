/* SPDX-License-Identifier: MIT
 * Opens the maildrop of a session: INBOX as it was at login, for one POP3 session at a time (RFC 1939 4
 * and 8). IMAP is never kept out; if it removes a message meanwhile, the answer says that it is gone.
 */
#include "pop3_session.h"

#include <string.h>

enum
{
  LOCK_POLL_MS = 200
};

/* Finds the unique ids that the store has saved, a chunk at a time; most stores have none. */
static gboolean
find_uidls (Pop3 *pop3, GError **error)
{
  SatchelSnapshot *snapshot = pop3->snapshot;
  for (guint c = 0; c < snapshot->n_chunks; c++)
    {
      const SatchelChunk *chunk = snapshot->chunks[c];
      SATCHEL_UNSET char *uidls[SATCHEL_CHUNK_MESSAGES];
      if (!satchel_mailbox_unique_ids (pop3->mailbox, chunk->uid, chunk->n, uidls, error))
        return FALSE;
      for (guint row = 0; row < chunk->n; row++)
        {
          g_autofree char *uidl = uidls[row];
          if (uidl == NULL)
            continue;
          if (pop3->uidls == NULL)
            {
              pop3->uidls = g_string_new (NULL);
              pop3->uidl_at = g_new0 (guint32, snapshot->state.n_messages);
            }
          pop3->uidl_at[snapshot->first_index[c] + row] = (guint32) pop3->uidls->len + 1;
          g_string_append_len (pop3->uidls, uidl, (gssize) strlen (uidl) + 1);
        }
    }
  return TRUE;
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
  if (pop3->mailbox == NULL
      || !satchel_mailbox_check_rights (pop3->mailbox, SATCHEL_RIGHT_READ, &pop3->error))
    return;
  pop3->is_locked = satchel_mailbox_try_lock (pop3->mailbox, pop3);
  if (!pop3->is_locked)
    {
      /* Tries the lock a second time before giving up, since the end of the session that holds it may be
       * queued before this call. */
      if (pop3->has_waited && g_get_monotonic_time () >= pop3->give_up_at)
        satchel_error_set (&pop3->error, SATCHEL_ERROR_INUSE, "the maildrop is in use by another session");
      pop3->has_waited = TRUE;
      return;
    }
  if (!satchel_mailbox_sync (pop3->mailbox, &pop3->error))
    return;
  pop3->snapshot = satchel_mailbox_snapshot (pop3->mailbox);
  if (pop3_find_octets (pop3, &pop3->error))
    find_uidls (pop3, &pop3->error);
}

static Pop3Text
text_for_maildrop (const GError *error)
{
  static const Pop3Text texts[] = {
    [POP3_ERROR_TEMPORARY] = POP3_TEXT_MAILDROP_TEMPORARY,
    [POP3_ERROR_PERMANENT] = POP3_TEXT_MAILDROP_PERMANENT,
    [POP3_ERROR_IN_USE] = POP3_TEXT_IN_USE,
  };
  return texts[pop3_error_lasting (error)];
}

void
pop3_unlock (Pop3 *pop3)
{
  if (pop3->is_locked)
    satchel_mailbox_unlock (pop3->mailbox, pop3);
  pop3->is_locked = FALSE;
}

/* Refuses the login; the lock is released before the answer (RFC 1939 4). */
static void
refuse_login (Pop3 *pop3, Pop3Text text)
{
  pop3_unlock (pop3);
  pop3_reply (pop3, text);
  /* Usual ones are logged at a lower level: clients that poll too often, or twice at a time, need no
   * attention. */
  gboolean is_usual = text == POP3_TEXT_IN_USE || text == POP3_TEXT_LOGIN_DELAY
                      || satchel_session_is_cancelled (pop3->session);
  if (is_usual || pop3->error == NULL || satchel_error_is_news (pop3->error))
    satchel_session_log (pop3->session, is_usual ? SATCHEL_LOG_INFO : SATCHEL_LOG_WARNING,
                         "maildrop not opened: %s",
                         pop3->error != NULL ? pop3->error->message : pop3_languages[0].texts[text]);
  g_clear_error (&pop3->error);
  pop3_close (pop3);
}

static void open_maildrop_again (SatchelTimer *timer, gpointer data);

static void
open_done (gpointer data)
{
  Pop3 *pop3 = data;
  if (pop3->error != NULL || satchel_session_is_cancelled (pop3->session))
    {
      refuse_login (pop3, text_for_maildrop (pop3->error));
      return;
    }
  if (!pop3->is_locked)
    {
      /* A timer waits for the lock, so that no thread does. */
      satchel_timer_arm (&pop3->lock_timer, LOCK_POLL_MS, open_maildrop_again, pop3);
      return;
    }
  /* Another session may have begun and ended while this one waited for the lock. */
  if (pop3_is_too_early (pop3))
    {
      refuse_login (pop3, POP3_TEXT_LOGIN_DELAY);
      return;
    }
  pop3_note_login (pop3);
  pop3_say_totals (pop3);
  pop3_ready (pop3);
}

static void
open_maildrop_again (SatchelTimer *timer, gpointer data)
{
  Pop3 *pop3 = data;
  satchel_session_run (pop3->session, "pop3 open", open_job, open_done, pop3);
}

void
pop3_open_maildrop (Pop3 *pop3)
{
  pop3->give_up_at = g_get_monotonic_time () + pop3->settings.lock_wait_ms * 1000;
  if (pop3_is_too_early (pop3))
    refuse_login (pop3, POP3_TEXT_LOGIN_DELAY);
  else
    satchel_session_run (pop3->session, "pop3 open", open_job, open_done, pop3);
}

void
pop3_close_maildrop (Pop3 *pop3)
{
  satchel_timer_cancel (&pop3->lock_timer);
  pop3_unlock (pop3);
  if (pop3->uidls != NULL)
    g_string_free (g_steal_pointer (&pop3->uidls), TRUE);
  g_clear_pointer (&pop3->uidl_at, g_free);
  g_clear_pointer (&pop3->snapshot, satchel_snapshot_unref);
  g_clear_pointer (&pop3->mailbox, satchel_mailbox_unref);
  g_clear_pointer (&pop3->store, satchel_store_unref);
  g_clear_pointer (&pop3->sizes, g_free);
  g_clear_pointer (&pop3->surrogates, g_free);
  g_clear_pointer (&pop3->deleted, g_free);
  g_clear_error (&pop3->error);
}
