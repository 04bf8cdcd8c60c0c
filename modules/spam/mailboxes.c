/* SPDX-License-Identifier: MIT
 * Finds mailboxes: the spam folder and INBOX are looked at first, then all others until it is found.
 */
#include "mailboxes.h"

#include <string.h>

typedef struct Found
{
  guint8 id[16];
  SatchelMailbox *mailbox; /* NULL: there is none */
} Found;

struct SpamMailboxes
{
  SatchelStore *store;
  GPtrArray *found; /* Found */
};

static void
found_free (gpointer data)
{
  Found *found = data;
  g_clear_pointer (&found->mailbox, satchel_mailbox_unref);
  g_free (found);
}

SpamMailboxes *
spam_mailboxes_new (SatchelStore *store)
{
  SpamMailboxes *mailboxes = g_new0 (SpamMailboxes, 1);
  mailboxes->store = store;
  mailboxes->found = g_ptr_array_new_with_free_func (found_free);
  return mailboxes;
}

void
spam_mailboxes_free (SpamMailboxes *mailboxes)
{
  if (mailboxes == NULL)
    return;
  g_ptr_array_unref (mailboxes->found);
  g_free (mailboxes);
}

/* Opens the mailbox @name, if it has this id. */
static SatchelMailbox *
open_if_it (SatchelStore *store, const char *name, const guint8 id[16])
{
  SatchelMailboxState state;
  if (name == NULL || !satchel_store_status (store, name, &state, NULL)
      || memcmp (state.mailbox_id, id, 16) != 0)
    return NULL;
  return satchel_store_open_mailbox (store, name, NULL);
}

static SatchelMailbox *
look_at_all (SatchelStore *store, const guint8 id[16])
{
  g_autofree char *junk = satchel_store_find_special_use (store, SATCHEL_USE_JUNK, NULL);
  SatchelMailbox *mailbox = open_if_it (store, junk, id);
  if (mailbox == NULL)
    mailbox = open_if_it (store, "INBOX", id);
  g_autoptr (GPtrArray) infos = mailbox == NULL ? satchel_store_list (store, NULL) : NULL;
  for (guint i = 0; infos != NULL && mailbox == NULL && i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      if (info->exists && info->is_selectable)
        mailbox = open_if_it (store, info->name, id);
    }
  return mailbox;
}

SatchelMailbox *
spam_mailboxes_find (SpamMailboxes *mailboxes, const guint8 id[16])
{
  for (guint i = 0; i < mailboxes->found->len; i++)
    {
      const Found *known = mailboxes->found->pdata[i];
      if (memcmp (known->id, id, 16) == 0)
        return known->mailbox;
    }
  Found *found = g_new0 (Found, 1);
  memcpy (found->id, id, 16);
  found->mailbox = look_at_all (mailboxes->store, id);
  g_ptr_array_add (mailboxes->found, found);
  return found->mailbox;
}
