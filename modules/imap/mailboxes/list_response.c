/* SPDX-License-Identifier: MIT
 * This file writes the parts of LIST and LSUB responses (RFC 3501 7.2.2, RFC 5258, RFC 6154), and a LIST
 * response that no LIST asked for.
 */
#include "mailboxes/list_response.h"

#include <string.h>

void
imap_list_write_uses (ImapWriter *writer, guint special_use, gboolean is_xlist)
{
  for (guint i = 0; imap_uses[i].attribute != NULL; i++)
    if (special_use & imap_uses[i].use)
      {
        imap_write (writer, " ");
        imap_write (writer, is_xlist ? imap_uses[i].xlist : imap_uses[i].attribute);
      }
}

void
imap_list_write_attributes (ImapWriter *writer, ImapPresence presence, gboolean has_children,
                            gboolean is_subscribed)
{
  static const char *const presences[] = { "(", "(\\Noselect ", "(\\NonExistent \\Noselect " };
  imap_write (writer, presences[presence]);
  imap_write (writer, has_children ? "\\HasChildren" : "\\HasNoChildren");
  if (is_subscribed)
    imap_write (writer, " \\Subscribed");
}

void
imap_list_write_name (ImapSession *session, const char *name)
{
  imap_write (&session->writer, ") ");
  imap_write_string (&session->writer, &session->ns.separator, 1);
  imap_write (&session->writer, " ");
  imap_write_mailbox (&session->writer, name);
}

void
imap_list_tell (ImapSession *session, const GPtrArray *infos, const char *name, const char *old_name)
{
  ImapWriter *writer = &session->writer;
  const SatchelMailboxInfo *found = NULL;
  gboolean has_children = FALSE;
  gsize len = strlen (name);
  for (guint i = 0; i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      if (strncmp (info->name, name, len) != 0)
        continue;
      if (info->name[len] == '\0')
        found = info;
      has_children = has_children || (info->name[len] == '/' && info->exists);
    }
  g_autofree char *client_name = imap_name_to_client (session, name);
  gboolean is_selectable = found != NULL && found->exists && found->is_selectable;
  imap_write (writer, "* LIST ");
  imap_list_write_attributes (writer, is_selectable ? IMAP_PRESENCE_SELECTABLE : IMAP_PRESENCE_NONEXISTENT,
                              has_children, found != NULL && found->is_subscribed);
  imap_list_write_uses (writer, found != NULL ? found->special_use : 0, FALSE);
  imap_list_write_name (session, client_name);
  if (old_name != NULL)
    {
      imap_write (writer, " (\"OLDNAME\" (");
      imap_write_mailbox (writer, old_name);
      imap_write (writer, "))");
    }
  imap_write (writer, "\r\n");
}
