/* SPDX-License-Identifier: MIT
 * Sends LIST with OLDNAME (RFC 9051 6.3.9.7) to IMAP4rev2 sessions that did not ask: if a name that the
 * client wrote is shown in another way, and if another session of the user has renamed a mailbox (6.3.6).
 * Role mail.
 */
#include "imap_session.h"

void
imap_announce_rename (ImapSession *session, const char *from, const char *to)
{
  g_autoptr (GPtrArray) others = imap_renames_add (session, from, to);
  for (guint i = 0; i < others->len; i++)
    ((ImapSession *) others->pdata[i])->refs++;
  g_ptr_array_set_free_func (others, (GDestroyNotify) imap_session_unref);
  for (guint i = 0; i < others->len; i++)
    {
      ImapSession *other = others->pdata[i];
      if (other->state == IMAP_SESSION_WAITING)
        imap_session_advance (other);
    }
}

void
imap_announce_supplied (ImapSession *session, const char *supplied, const char *name)
{
  g_autofree char *old_name = imap_name_denormalised (session, supplied, name);
  g_autoptr (GPtrArray) infos = old_name != NULL ? satchel_store_list (session->store, NULL) : NULL;
  if (infos != NULL)
    imap_list_tell (session, infos, name, old_name);
}

void
imap_announce_own_rename (ImapSession *session, const ImapMailboxArguments *arguments, const char *from,
                          const char *to)
{
  g_autofree char *old_from = imap_name_denormalised (session, arguments->name, from);
  g_autofree char *old_to = imap_name_denormalised (session, arguments->to, to);
  g_autoptr (GPtrArray) infos =
      old_from != NULL || old_to != NULL ? satchel_store_list (session->store, NULL) : NULL;
  if (infos != NULL)
    imap_list_tell (session, infos, to, arguments->name);
}
