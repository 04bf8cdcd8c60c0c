/* SPDX-License-Identifier: MIT
 * This file sees to it that each configured special use (RFC 6154) has exactly one mailbox whenever a store
 * is opened: an existing mailbox with a known name is adopted, else one is made and subscribed.  In a new
 * account, INBOX is subscribed with them.  A mailbox that the user deletes comes back at the next opening,
 * which clients need that look for it by its attribute; an empty name in the configuration prevents that.
 */
#include "config.h"

#include <satchel/log.h>

#include "core/runtime/config/core_settings.h"
#include "core/storage/store/store_private.h"

static const guint special_uses[SATCHEL_N_MAILBOXES] = {
  [SATCHEL_MAILBOX_DRAFTS] = SATCHEL_USE_DRAFTS,   [SATCHEL_MAILBOX_SENT] = SATCHEL_USE_SENT,
  [SATCHEL_MAILBOX_JUNK] = SATCHEL_USE_JUNK,       [SATCHEL_MAILBOX_TRASH] = SATCHEL_USE_TRASH,
  [SATCHEL_MAILBOX_ARCHIVE] = SATCHEL_USE_ARCHIVE,
};

static gboolean
has_use (GPtrArray *infos, guint special_use)
{
  for (guint i = 0; i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      if (info->exists && info->is_selectable && (info->special_use & special_use) != 0)
        return TRUE;
    }
  return FALSE;
}

/* Returns the first known name that is a mailbox without a use of its own. */
static const char *
find_adoptable (GPtrArray *infos, const SatchelMailboxesSettings *mailboxes, guint use)
{
  const char *const *names = mailboxes->known[use];
  const char *const own[] = { mailboxes->names[use], NULL };
  for (guint pass = 0; pass < 2; pass++)
    for (const char *const *name = pass == 0 ? names : own; name != NULL && *name != NULL; name++)
      {
        const SatchelMailboxInfo *info = satchel_list_find (infos, *name);
        if (info != NULL && info->exists && info->is_selectable && info->special_use == 0)
          return info->name;
      }
  return NULL;
}

static gboolean
ensure_one (SatchelStore *store, const SatchelMailboxesSettings *mailboxes, guint use, GError **error)
{
  const char *name = mailboxes->names[use];
  g_autoptr (GPtrArray) infos = satchel_store_list (store, error);
  if (infos == NULL)
    return FALSE;
  if (name == NULL || name[0] == '\0' || has_use (infos, special_uses[use]))
    return TRUE;
  const char *adopted = find_adoptable (infos, mailboxes, use);
  if (adopted != NULL)
    return satchel_store_set_special_use (store, adopted, special_uses[use], error);
  return satchel_store_create (store, name, special_uses[use], error)
         && satchel_store_subscribe (store, name, TRUE, error);
}

static void
hold_syncs (SatchelStore *store, gboolean hold)
{
  g_autoptr (GError) error = NULL;
  if (!satchel_storage_hold_syncs (SATCHEL_STACK (store), hold, &error))
    satchel_log (SATCHEL_LOG_WARNING, "storage", "user=%s the special uses of mailboxes cannot be read: %s",
                 store->core->user, error->message);
}

/* Says whether any name is subscribed. */
static gboolean
has_subscriptions (GPtrArray *infos)
{
  for (guint i = 0; i < infos->len; i++)
    if (((const SatchelMailboxInfo *) infos->pdata[i])->is_subscribed)
      return TRUE;
  return FALSE;
}

/* Says whether the account is new: it has nothing but INBOX, and no subscriptions. An account from another
 * server keeps the subscriptions that its user made. */
static gboolean
is_new_account (SatchelStore *store)
{
  g_autoptr (GPtrArray) infos = satchel_store_list (store, NULL);
  return infos != NULL && infos->len <= 1 && !has_subscriptions (infos);
}

/* Subscribes INBOX if any name is subscribed, since clients that show only subscribed mailboxes would
 * otherwise show the new ones and not INBOX. */
static gboolean
subscribe_inbox (SatchelStore *store, GError **error)
{
  g_autoptr (GPtrArray) infos = satchel_store_list (store, error);
  return infos != NULL
         && (!has_subscriptions (infos) || satchel_store_subscribe (store, "INBOX", TRUE, error));
}

/* All mailboxes of a first login are synced together; no client has seen them before. */
void
satchel_store_ensure_special_use (SatchelStore *store, const SatchelConfig *group)
{
  SatchelMailboxesSettings mailboxes;
  satchel_mailboxes_settings_read (group, &mailboxes);
  satchel_store_begin_write (store->core);
  gboolean is_new = is_new_account (store);
  hold_syncs (store, TRUE);
  for (guint use = 0; use < SATCHEL_N_MAILBOXES; use++)
    {
      g_autoptr (GError) error = NULL;
      if (!ensure_one (store, &mailboxes, use, &error))
        satchel_log (SATCHEL_LOG_WARNING, "storage",
                     "user=%s the mailbox %s cannot be made, or marked with its special use: %s",
                     store->core->user, mailboxes.names[use], error->message);
    }
  g_autoptr (GError) error = NULL;
  if (is_new && !subscribe_inbox (store, &error))
    satchel_log (SATCHEL_LOG_WARNING, "storage", "user=%s INBOX cannot be subscribed: %s", store->core->user,
                 error->message);
  hold_syncs (store, FALSE);
  satchel_store_end_write (store->core);
}
