/* SPDX-License-Identifier: MIT
 * Commands for a user's lists of senders; and the table of all.
 */
#include "admin.h"

#include "admin_queue.h"
#include "lists.h"

#include <string.h>

static int
by_text (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static gboolean
print_lists (SatchelAdminCall *call, const SpamLists *lists)
{
  g_autoptr (GPtrArray) entries = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer entry, listed;
  g_hash_table_iter_init (&iter, lists->entries);
  while (g_hash_table_iter_next (&iter, &entry, NULL))
    g_ptr_array_add (entries, entry);
  g_ptr_array_sort (entries, by_text);
  for (guint i = 0; i < entries->len; i++)
    {
      listed = g_hash_table_lookup (lists->entries, entries->pdata[i]);
      if (!satchel_admin_record (call, SATCHEL_ADMIN_TEXT ("sender", entries->pdata[i]),
                                 SATCHEL_ADMIN_TEXT ("list", GPOINTER_TO_UINT (listed) == SPAM_LISTED_ALLOW
                                                                 ? "allow"
                                                                 : "block")))
        return FALSE;
    }
  return TRUE;
}

static gboolean
run_list (SatchelAdminCall *call, GError **error)
{
  g_autoptr (SatchelStore) store = satchel_admin_open_store (call, error);
  g_autoptr (SpamLists) lists = store != NULL ? spam_lists_load (store, error) : NULL;
  return lists != NULL && print_lists (call, lists);
}

/* Changes both lists in one step.  Two commands at the same time could lose an entry of one of them. */
static gboolean
change (SatchelAdminCall *call, SpamListed listed, GError **error)
{
  static GMutex lock;
  const SatchelConfig *options = satchel_admin_options (call);
  g_autoptr (SatchelStore) store = satchel_admin_open_store (call, error);
  if (store == NULL)
    return FALSE;
  g_mutex_lock (&lock);
  g_autoptr (SpamLists) lists = spam_lists_load (store, error);
  if (satchel_config_bool (options, "remove"))
    listed = SPAM_LISTED_NOT;
  gboolean ok = lists != NULL
                && spam_lists_set (lists, satchel_config_string (options, "sender"), listed, error)
                && spam_lists_save (store, lists, error);
  g_mutex_unlock (&lock);
  return ok;
}

static gboolean
run_allow (SatchelAdminCall *call, GError **error)
{
  return change (call, SPAM_LISTED_ALLOW, error);
}

static gboolean
run_block (SatchelAdminCall *call, GError **error)
{
  return change (call, SPAM_LISTED_BLOCK, error);
}

static const SatchelConfigRow sender_options[] = {
  { "sender", SATCHEL_CONFIG_STRING, NULL, "An address, or a domain with all below it",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { "remove", SATCHEL_CONFIG_BOOL, "false", "Take the sender off the lists" },
  { NULL }
};

static const SatchelAdminCommand list_command = {
  .size = sizeof list_command,
  .name = "list",
  .summary = "List the senders whose mail is never spam for a user, or always",
  .of_user = TRUE,
  .run = run_list
};
static const SatchelAdminCommand allow_command = {
  .size = sizeof allow_command,
  .name = "allow",
  .summary = "Have a sender's mail go to a user's INBOX whatever its score",
  .details = "The sender is looked for in From and in the envelope, which anybody can forge: allow those\n"
             "whose mail is really taken for spam. An address counts before its domain.",
  .options = sender_options,
  .of_user = TRUE,
  .run = run_allow,
  .operand = "sender"
};
static const SatchelAdminCommand block_command = {
  .size = sizeof block_command,
  .name = "block",
  .summary = "Have a sender's mail go to a user's spam folder whatever its score",
  .options = sender_options,
  .of_user = TRUE,
  .run = run_block,
  .operand = "sender"
};
static const SatchelAdminCommand *const commands[] = { &allow_command,      &block_command,
                                                       &list_command,       &spam_queue_command,
                                                       &spam_stats_command, NULL };
const SatchelAdminOps spam_admin = { .size = sizeof spam_admin, .commands = commands };
