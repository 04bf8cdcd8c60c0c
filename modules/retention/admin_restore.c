/* SPDX-License-Identifier: MIT
 * The command `satchel retention restore`: messages move from the tree to where they were, with the flags,
 * keywords and dates that they had. Each batch is durable, so the command may be run again after whatever
 * ended it.
 */
#include "admin.h"
#include "choice.h"
#include "tree.h"

#include <satchel/hash.h>
#include <string.h>

#define BATCH 500u /* messages that move at once: sessions wait for it */

typedef struct Restore
{
  RetentionChoice choice;
  gboolean is_dry;
  guint64 n_done, n_total;
} Restore;

static void
uids_free (gpointer data)
{
  satchel_uid_set_clear (data);
  g_free (data);
}

/* Adds a message to the set of its mailbox. */
static gboolean
take_uid (const RetentionItem *item, gpointer data)
{
  GHashTable *by_mailbox = data;
  SatchelUidSet *uids = g_hash_table_lookup (by_mailbox, item->mailbox);
  if (uids == NULL)
    {
      uids = g_new0 (SatchelUidSet, 1);
      g_hash_table_insert (by_mailbox, g_strdup (item->mailbox), uids);
    }
  satchel_uid_set_add (uids, item->uid, item->uid);
  return TRUE;
}

/* Opens the mailbox that messages go back to, which is made and subscribed if it is gone. */
static SatchelMailbox *
open_target (Restore *restore, const char *name, GError **error)
{
  SatchelStore *store = restore->choice.store;
  g_autoptr (GError) local = NULL;
  SatchelMailbox *mailbox = satchel_store_open_mailbox (store, name, &local);
  if (mailbox != NULL || !g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    {
      if (mailbox == NULL)
        g_propagate_error (error, g_steal_pointer (&local));
      return mailbox;
    }
  if (!satchel_store_create (store, name, 0, error) || !satchel_store_subscribe (store, name, TRUE, error))
    return NULL;
  return satchel_store_open_mailbox (store, name, error);
}

/* Takes at most BATCH UIDs off the front of @uids, from *@ref_next on. */
static void
take_batch (const SatchelUidSet *uids, guint32 *ref_next, SatchelUidSet *batch)
{
  guint n = 0;
  for (guint i = 0; i < uids->n_ranges && n < BATCH; i++)
    {
      const SatchelRange *range = &uids->ranges[i];
      if (range->last < *ref_next)
        continue;
      guint32 first = MAX (range->first, *ref_next);
      guint32 last = (guint32) MIN ((guint64) range->last, (guint64) first + (BATCH - n) - 1);
      satchel_uid_set_add (batch, first, last);
      n += last - first + 1;
      *ref_next = last + 1;
    }
}

static gboolean
move_back (Restore *restore, SatchelMailbox *from, SatchelMailbox *to, const SatchelUidSet *uids,
           GError **error)
{
  guint32 next = 1;
  for (;;)
    {
      g_auto (SatchelUidSet) batch = { NULL, 0 };
      take_batch (uids, &next, &batch);
      if (batch.n_ranges == 0)
        return TRUE;
      if (satchel_admin_is_cancelled (restore->choice.call))
        return satchel_error_set (error, SATCHEL_ERROR_CANCELLED,
                                  "cancelled; what was restored until now stays restored");
      g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (restore->choice.store);
      satchel_transaction_move (transaction, from, &batch, to);
      if (!satchel_transaction_commit (transaction, error))
        return FALSE;
      restore->n_done += satchel_uid_set_count (&batch);
      satchel_admin_progress (restore->choice.call, restore->n_done, 0, "messages");
    }
}

static gboolean
restore_to (Restore *restore, SatchelMailbox *from, const char *name, const SatchelUidSet *uids,
            GError **error)
{
  guint64 n = satchel_uid_set_count (uids);
  if (!restore->is_dry)
    {
      g_autoptr (SatchelMailbox) to = open_target (restore, name, error);
      if (to == NULL || !move_back (restore, from, to, uids, error))
        {
          g_prefix_error (error, "%s: ", name);
          return FALSE;
        }
    }
  restore->n_total += n;
  return satchel_admin_record (restore->choice.call, SATCHEL_ADMIN_TEXT ("mailbox", name),
                               SATCHEL_ADMIN_NUMBER ("messages", (gint64) n),
                               SATCHEL_ADMIN_BOOL ("restored", !restore->is_dry))
         || satchel_error_set (error, SATCHEL_ERROR_CANCELLED, "cancelled");
}

/* Restores what is chosen of mailbox @stored of the tree. */
static gboolean
restore_mailbox (Restore *restore, const char *stored, GError **error)
{
  RetentionChoice *choice = &restore->choice;
  g_autoptr (GHashTable) by_mailbox =
      g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, uids_free);
  g_autofree char *shown = retention_to_shown (choice->storage, stored);
  if (!retention_choice_walk (choice, stored, take_uid, by_mailbox, error))
    return FALSE;
  if (g_hash_table_size (by_mailbox) == 0)
    return TRUE;
  g_autoptr (SatchelMailbox) from = satchel_store_open_mailbox (choice->store, shown, error);
  g_autoptr (GList) names = g_list_sort (g_hash_table_get_keys (by_mailbox), (GCompareFunc) strcmp);
  gboolean ok = from != NULL;
  for (const GList *name = names; ok && name != NULL; name = name->next)
    ok = restore_to (restore, from, name->data, g_hash_table_lookup (by_mailbox, name->data), error);
  return ok;
}

gboolean
retention_run_restore (SatchelAdminCall *call, GError **error)
{
  Restore restore = { .is_dry = satchel_config_bool (satchel_admin_options (call), "dry-run") };
  g_auto (RetentionChoice) choice = { 0 };
  gboolean ok = retention_choice_open (&choice, call, TRUE, error);
  restore.choice = choice;
  if (!ok)
    return FALSE;
  const SatchelAccess *access = retention_choice_access (&choice);
  g_autoptr (GPtrArray) names = retention_list_kept (choice.storage, access, error);
  ok = names != NULL;
  for (guint i = 0; ok && i < names->len; i++)
    ok = restore_mailbox (&restore, names->pdata[i], error);
  /* What is left empty is not shown; the upkeep would remove it as well. */
  for (guint i = ok && !restore.is_dry ? names->len : 0; i > 0; i--)
    retention_tree_remove_empty (choice.storage, access, names->pdata[i - 1], NULL);
  return ok
         && satchel_admin_record (call, SATCHEL_ADMIN_TEXT ("total", satchel_store_user (choice.store)),
                                  SATCHEL_ADMIN_NUMBER ("messages", (gint64) restore.n_total),
                                  SATCHEL_ADMIN_BOOL ("restored", !restore.is_dry));
}
