/* SPDX-License-Identifier: MIT
 * This file gives the mailboxes of the copy the names that they have in the store.  Mailboxes are
 * identified by their ids: one with another name is renamed in the copy, one that is gone is deleted there,
 * and those that are missing come with their messages.
 */
#include "config.h"

#include "core/storage/convert/convert_private.h"

#include <satchel/hash.h>
#include <string.h>

typedef struct Ids
{
  GHashTable *by_name; /* name -> SatchelMailboxState */
} Ids;

static gint
compare_infos (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(SatchelMailboxInfo *const *) a)->name, (*(SatchelMailboxInfo *const *) b)->name);
}

GPtrArray *
satchel_convert_list_source (SatchelConversion *conversion, GError **error)
{
  g_autoptr (GPtrArray) infos = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_mailbox_info_free);
  if (!satchel_storage_list (conversion->source, conversion->access, infos, error))
    return NULL;
  g_ptr_array_sort (infos, compare_infos);
  return g_steal_pointer (&infos);
}

static void
ids_clear (Ids *ids)
{
  g_clear_pointer (&ids->by_name, g_hash_table_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Ids, ids_clear)

/* A mailbox that not even the server may add to exists by a layer of this stack alone, such as that of
 * removed mail. Read through the layers it would become an ordinary one. */
static gboolean
check_is_ordinary (SatchelConversion *conversion, const SatchelMailboxState *state, const char *name,
                   GError **error)
{
  SatchelMailboxRights rights = { .size = sizeof rights, .rights = SATCHEL_RIGHTS_ALL };
  satchel_storage_rights (conversion->source, conversion->access, name, &rights);
  return state->n_messages == 0 || (rights.rights & SATCHEL_RIGHT_INSERT) != 0
         || satchel_error_set (
             error, SATCHEL_ERROR_CANNOT,
             "%s is a mailbox of a layer that keeps mail, which goes only to a stack with the same layers; "
             "empty it by the commands of that layer's module, and try again",
             name);
}

static gboolean
read_source_ids (SatchelConversion *conversion, const GPtrArray *infos, Ids *ids, GError **error)
{
  ids->by_name = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, g_free);
  for (guint i = 0; i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      SatchelMailboxState state;
      if (!info->is_selectable)
        continue;
      if (!satchel_storage_status (conversion->source, conversion->access, info->name, &state, error)
          || !check_is_ordinary (conversion, &state, info->name, error))
        return FALSE;
      g_hash_table_insert (ids->by_name, g_strdup (info->name), g_memdup2 (&state, sizeof state));
    }
  return TRUE;
}

static gboolean
read_target_ids (SatchelConversion *conversion, Ids *ids, GError **error)
{
  g_autoptr (GPtrArray) infos = satchel_store_list (conversion->to, error);
  ids->by_name = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, g_free);
  for (guint i = 0; infos != NULL && i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      SatchelMailboxState state;
      if (!info->is_selectable)
        continue;
      if (!satchel_store_status (conversion->to, info->name, &state, error))
        return FALSE;
      g_hash_table_insert (ids->by_name, g_strdup (info->name), g_memdup2 (&state, sizeof state));
    }
  return infos != NULL;
}

static gboolean
is_same_mailbox (const SatchelMailboxState *a, const SatchelMailboxState *b)
{
  return memcmp (a->mailbox_id, b->mailbox_id, sizeof a->mailbox_id) == 0 && a->uidvalidity == b->uidvalidity;
}

static const char *
find_mailbox (const Ids *ids, const SatchelMailboxState *state)
{
  GHashTableIter iter;
  gpointer name, value;
  g_hash_table_iter_init (&iter, ids->by_name);
  while (g_hash_table_iter_next (&iter, &name, &value))
    if (is_same_mailbox (value, state))
      return name;
  return NULL;
}

/* Returns the first name, in order, whose mailbox in the copy is a wrong one, so that parents come before
 * their children; NULL means that there is none.  An INBOX without messages counts as right, since it becomes
 * the right one when its messages come. */
static const char *
find_wrong_name (const Ids *wanted, const Ids *present)
{
  const char *first = NULL;
  GHashTableIter iter;
  gpointer name, value;
  g_hash_table_iter_init (&iter, present->by_name);
  while (g_hash_table_iter_next (&iter, &name, &value))
    {
      const SatchelMailboxState *state = value, *right = g_hash_table_lookup (wanted->by_name, name);
      if ((right != NULL && is_same_mailbox (state, right))
          || (strcmp (name, "INBOX") == 0 && state->n_messages == 0))
        continue;
      if (first == NULL || strcmp (name, first) < 0)
        first = name;
    }
  return first;
}

/* Returns a name that no mailbox has, to which a mailbox can be renamed to free its own. */
static char *
aside_name (const SatchelMailboxState *state)
{
  GString *name = g_string_new ("moved aside ");
  for (gsize i = 0; i < sizeof state->mailbox_id; i++)
    g_string_append_printf (name, "%02x", state->mailbox_id[i]);
  return g_string_free (name, FALSE);
}

gboolean
satchel_convert_empty (SatchelMailbox *mailbox, GError **error)
{
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (mailbox->store);
  g_auto (SatchelUidSet) all = { NULL, 0 };
  satchel_snapshot_uids (snapshot, &all);
  if (all.n_ranges == 0)
    return TRUE;
  satchel_transaction_expunge (transaction, mailbox, &all, FALSE);
  return satchel_transaction_commit (transaction, error);
}

/* INBOX has other messages than it should only if its copy is of another time; they come again. */
static gboolean
empty_inbox (SatchelConversion *conversion, GError **error)
{
  g_autoptr (SatchelMailbox) inbox = satchel_store_open_mailbox (conversion->to, "INBOX", error);
  return inbox != NULL && satchel_convert_empty (inbox, error);
}

/* Puts the mailbox called @name where it belongs, or takes it away. */
static gboolean
mend_name (SatchelConversion *conversion, const Ids *wanted, const Ids *present, const char *name,
           GError **error)
{
  const SatchelMailboxState *state = g_hash_table_lookup (present->by_name, name);
  const char *right = find_mailbox (wanted, state);
  if (strcmp (name, "INBOX") == 0)
    return empty_inbox (conversion, error);
  if (right == NULL || strcmp (right, "INBOX") == 0)
    return satchel_store_delete (conversion->to, name, error);
  const SatchelMailboxState *occupant = g_hash_table_lookup (present->by_name, right);
  if (occupant == NULL && satchel_store_rename (conversion->to, name, right, NULL))
    return TRUE;
  if (g_str_has_prefix (name, "moved aside ") && occupant == NULL)
    return satchel_store_delete (conversion->to, name, error); /* the mailbox is copied again */
  if (occupant == NULL)
    occupant = state;
  g_autofree char *aside = aside_name (occupant);
  return satchel_store_rename (conversion->to, occupant == state ? name : right, aside, error);
}

gboolean
satchel_convert_names (SatchelConversion *conversion, GPtrArray *infos, GError **error)
{
  g_auto (Ids) wanted = { NULL };
  if (!read_source_ids (conversion, infos, &wanted, error))
    return FALSE;
  for (guint rounds = 4 * g_hash_table_size (wanted.by_name) + 64; rounds > 0; rounds--)
    {
      g_auto (Ids) present = { NULL };
      if (!read_target_ids (conversion, &present, error))
        return FALSE;
      const char *name = find_wrong_name (&wanted, &present);
      if (name == NULL)
        return TRUE;
      if (!mend_name (conversion, &wanted, &present, name, error)
          || !satchel_convert_step (conversion, error))
        return FALSE;
      conversion->counts.n_changes++;
    }
  return satchel_error_set (error, SATCHEL_ERROR_FAILED,
                            "names of mailboxes changed too often to be followed; try again");
}

static const SatchelMailboxInfo *
find_info (const GPtrArray *infos, const char *name)
{
  for (guint i = 0; i < infos->len; i++)
    if (strcmp (((SatchelMailboxInfo *) infos->pdata[i])->name, name) == 0)
      return infos->pdata[i];
  return NULL;
}

static gboolean
set_subscription (SatchelConversion *conversion, const char *name, gboolean is_subscribed, GError **error)
{
  conversion->counts.n_changes++;
  return satchel_store_subscribe (conversion->to, name, is_subscribed, error);
}

gboolean
satchel_convert_uses (SatchelConversion *conversion, GPtrArray *infos, GError **error)
{
  g_autoptr (GPtrArray) present = satchel_store_list (conversion->to, error);
  for (guint i = 0; present != NULL && i < infos->len; i++)
    {
      const SatchelMailboxInfo *wanted = infos->pdata[i], *own = find_info (present, wanted->name);
      if (wanted->is_subscribed != (own != NULL && own->is_subscribed)
          && !set_subscription (conversion, wanted->name, wanted->is_subscribed, error))
        return FALSE;
      if (wanted->is_selectable && wanted->special_use != (own != NULL ? own->special_use : 0))
        {
          conversion->counts.n_changes++;
          if (!satchel_store_set_special_use (conversion->to, wanted->name, wanted->special_use, error))
            return FALSE;
        }
    }
  for (guint i = 0; present != NULL && i < present->len; i++)
    {
      const SatchelMailboxInfo *own = present->pdata[i];
      if (own->is_subscribed && find_info (infos, own->name) == NULL
          && !set_subscription (conversion, own->name, FALSE, error))
        return FALSE;
    }
  return present != NULL;
}
