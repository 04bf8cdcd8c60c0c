/* SPDX-License-Identifier: MIT
 * Renames of mailboxes that other sessions of the user have not reported yet, with LIST and OLDNAME (RFC 9051
 * 6.3.6, 6.3.9.7).  Role mail.
 */
#include "imap_session.h"

#include <string.h>

/* Renames that a session has not reported yet; the client of one that missed more finds the rest with LIST.
 */
#define RENAMES_MAX 64u

typedef struct Rename
{
  char *from, *to; /* names as storage knows them */
} Rename;

/* All sessions whose store is open; main thread.  `lock` guards what jobs look at: the renames of each
 * session. */
static GPtrArray *sessions;
static GMutex lock;

static void
rename_free (gpointer data)
{
  Rename *rename = data;
  g_free (rename->from);
  g_free (rename->to);
  g_free (rename);
}

void
imap_renames_join (ImapSession *session)
{
  if (sessions == NULL)
    sessions = g_ptr_array_new ();
  g_ptr_array_add (sessions, session);
}

void
imap_renames_leave (ImapSession *session)
{
  if (sessions == NULL || !g_ptr_array_remove_fast (sessions, session))
    return;
  g_clear_pointer (&session->renames, g_ptr_array_unref);
  if (sessions->len == 0)
    g_clear_pointer (&sessions, g_ptr_array_unref);
}

static void
add_rename (ImapSession *session, const char *from, const char *to)
{
  Rename *rename = g_new (Rename, 1);
  gsize len = strlen (from);
  *rename = (Rename) { g_strdup (from), g_strdup (to) };
  g_mutex_lock (&lock);
  /* A rename that waits is reported with the name that the mailbox has by then. */
  for (guint i = session->renames != NULL ? session->renames->len : 0; i-- > 0;)
    {
      Rename *earlier = session->renames->pdata[i];
      if (strncmp (earlier->to, from, len) != 0 || (earlier->to[len] != '\0' && earlier->to[len] != '/'))
        continue;
      char *now = g_strconcat (to, earlier->to + len, NULL);
      g_free (earlier->to);
      earlier->to = now;
      if (strcmp (earlier->from, now) == 0) /* the mailbox has its old name again */
        g_ptr_array_remove_index (session->renames, i);
    }
  if (session->renames == NULL)
    session->renames = g_ptr_array_new_with_free_func (rename_free);
  if (session->renames->len >= RENAMES_MAX)
    g_ptr_array_remove_index (session->renames, 0);
  g_ptr_array_add (session->renames, rename);
  g_mutex_unlock (&lock);
}

GPtrArray *
imap_renames_add (ImapSession *session, const char *from, const char *to)
{
  GPtrArray *others = g_ptr_array_new ();
  for (guint i = 0; sessions != NULL && i < sessions->len; i++)
    {
      ImapSession *other = sessions->pdata[i];
      if (other == session || !satchel_store_is_same (other->store, session->store))
        continue;
      add_rename (other, from, to);
      g_ptr_array_add (others, other);
    }
  return others;
}

/* Forgets a rename to a name that was deleted since, which is not reported: nothing has the name now, or
 * another mailbox has it (RFC 9051 6.3.6: it MAY be reported). */
void
imap_renames_forget (ImapSession *session, const char *name)
{
  g_mutex_lock (&lock);
  for (guint i = 0; sessions != NULL && i < sessions->len; i++)
    {
      const ImapSession *other = sessions->pdata[i];
      GPtrArray *renames = satchel_store_is_same (other->store, session->store) ? other->renames : NULL;
      for (guint k = renames != NULL ? renames->len : 0; k-- > 0;)
        if (strcmp (((Rename *) renames->pdata[k])->to, name) == 0)
          g_ptr_array_remove_index (renames, k);
    }
  g_mutex_unlock (&lock);
}

ImapStep
imap_renames_tell (ImapSession *session, gboolean may_block)
{
  g_mutex_lock (&lock);
  gboolean has_news = session->renames != NULL;
  g_mutex_unlock (&lock);
  if (!has_news)
    return IMAP_STEP_DONE;
  g_autoptr (GPtrArray) infos =
      imap_session_is_rev2 (session) ? satchel_store_list_cached (session->store) : NULL;
  if (infos == NULL && imap_session_is_rev2 (session) && !may_block)
    return IMAP_STEP_BLOCK;
  if (infos == NULL && imap_session_is_rev2 (session))
    infos = satchel_store_list (session->store, NULL);
  g_mutex_lock (&lock);
  g_autoptr (GPtrArray) renames = g_steal_pointer (&session->renames);
  g_mutex_unlock (&lock);
  for (guint i = 0; infos != NULL && renames != NULL && i < renames->len; i++)
    {
      const Rename *rename = renames->pdata[i];
      g_autofree char *old_name = imap_name_to_client (session, rename->from);
      imap_list_tell (session, infos, rename->to, old_name);
    }
  return IMAP_STEP_DONE;
}
