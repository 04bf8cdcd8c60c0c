/* SPDX-License-Identifier: MIT
 * The command `satchel retention expunge`: removes messages from a user's mailboxes as a client would, so
 * that they are kept. Each batch is durable, so the command may be run again after whatever ended it.
 */
#include "admin.h"
#include "choice.h"

#include <satchel/log.h>
#include <string.h>

#define BATCH 200u /* messages that go at once: sessions wait for it */

typedef struct Expunge
{
  RetentionChoice choice;
  gboolean is_dry;
  guint64 n_total;
} Expunge;

/* Adds to @uids the next messages that are asked for, from *@ref_index on, and returns how many. One that
 * cannot be read does not have what is asked for. */
static guint
find_next (const RetentionChoice *choice, SatchelMailbox *mailbox, const SatchelSnapshot *snapshot,
           guint32 *ref_index, SatchelUidSet *uids)
{
  guint n = 0;
  for (; *ref_index < snapshot->state.n_messages && n < BATCH; (*ref_index)++)
    {
      guint row;
      SatchelMessageRow message;
      gboolean matches;
      const SatchelChunk *chunk = satchel_snapshot_at (snapshot, *ref_index, &row);
      if (satchel_admin_is_cancelled (choice->call))
        return n;
      satchel_chunk_get_row (chunk, row, &message);
      if (!retention_query_matches (choice->query, mailbox, &message, &matches, NULL) || !matches)
        continue;
      satchel_uid_set_add (uids, message.uid, message.uid);
      n++;
    }
  return n;
}

static gboolean
remove_batch (const Expunge *expunge, SatchelMailbox *mailbox, const SatchelUidSet *uids, GError **error)
{
  if (satchel_admin_is_cancelled (expunge->choice.call))
    return satchel_error_set (error, SATCHEL_ERROR_CANCELLED,
                              "cancelled; what was removed until now is kept");
  if (expunge->is_dry || uids->n_ranges == 0)
    return TRUE;
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (expunge->choice.store);
  satchel_transaction_expunge (transaction, mailbox, uids, FALSE);
  return satchel_transaction_commit (transaction, error);
}

/* Removes what is asked for of a mailbox as it is now. *@ret_n: how many. */
static gboolean
expunge_all (const Expunge *expunge, SatchelMailbox *mailbox, guint64 *ret_n, GError **error)
{
  guint32 index = 0;
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  while (index < snapshot->state.n_messages)
    {
      g_auto (SatchelUidSet) uids = { NULL, 0 };
      guint n = find_next (&expunge->choice, mailbox, snapshot, &index, &uids);
      if (!remove_batch (expunge, mailbox, &uids, error))
        return FALSE;
      *ret_n += n;
      satchel_admin_progress (expunge->choice.call, expunge->n_total + *ret_n, 0, "messages");
    }
  return TRUE;
}

static void
log_expunged (SatchelStore *store, const char *name, guint64 n)
{
  g_autoptr (GString) line = g_string_new ("expunged by the administrator:");
  satchel_log_field (line, "user", satchel_store_user (store));
  satchel_log_field (line, "mailbox", name);
  g_string_append_printf (line, " messages=%" G_GUINT64_FORMAT, n);
  satchel_log (SATCHEL_LOG_INFO, "retention", "%s", line->str);
}

static gboolean
expunge_mailbox (Expunge *expunge, const char *name, GError **error)
{
  guint64 n = 0;
  g_autoptr (SatchelMailbox) mailbox = satchel_store_open_mailbox (expunge->choice.store, name, error);
  gboolean ok = mailbox != NULL && expunge_all (expunge, mailbox, &n, error);
  if (!ok)
    g_prefix_error (error, "%s: ", name);
  if (n > 0 && !expunge->is_dry)
    log_expunged (expunge->choice.store, name, n);
  expunge->n_total += n;
  if (!ok || n == 0)
    return ok;
  return satchel_admin_record (expunge->choice.call, SATCHEL_ADMIN_TEXT ("mailbox", name),
                               SATCHEL_ADMIN_NUMBER ("found", (gint64) n),
                               SATCHEL_ADMIN_NUMBER ("removed", expunge->is_dry ? 0 : (gint64) n))
         || satchel_error_set (error, SATCHEL_ERROR_CANCELLED, "cancelled");
}

/* The administrator may move out of the tree, but nothing is removed from there but by age. */
static gboolean
is_meant (const RetentionChoice *choice, const SatchelMailboxInfo *info)
{
  const Retention *self = choice->storage->self;
  return info->is_selectable && retention_after (info->name, self->shown) == NULL
         && (choice->mailbox == NULL || strcmp (choice->mailbox, info->name) == 0)
         && (satchel_store_rights (choice->store, info->name) & SATCHEL_RIGHT_EXPUNGE) != 0;
}

static gboolean
expunge_everywhere (Expunge *expunge, GError **error)
{
  guint n_mailboxes = 0;
  const RetentionChoice *choice = &expunge->choice;
  g_autoptr (GPtrArray) infos = satchel_store_list (choice->store, error);
  for (guint i = 0; infos != NULL && i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      if (!is_meant (choice, info))
        continue;
      n_mailboxes++;
      if (!expunge_mailbox (expunge, info->name, error))
        return FALSE;
    }
  if (infos != NULL && n_mailboxes == 0 && choice->mailbox != NULL)
    return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT,
                              "--mailbox: %s has no mailbox \"%s\" from which mail can be removed",
                              satchel_store_user (choice->store), choice->mailbox);
  return infos != NULL;
}

gboolean
retention_run_expunge (SatchelAdminCall *call, GError **error)
{
  Expunge expunge = { .is_dry = satchel_config_bool (satchel_admin_options (call), "dry-run") };
  g_auto (RetentionChoice) choice = { 0 };
  gboolean ok = retention_choice_open (&choice, call, FALSE, error)
                && retention_choice_read (&choice, satchel_admin_options (call), error);
  expunge.choice = choice;
  return ok && expunge_everywhere (&expunge, error)
         && satchel_admin_record (
             call, SATCHEL_ADMIN_TEXT ("total", "all mailboxes"),
             SATCHEL_ADMIN_NUMBER ("found", (gint64) expunge.n_total),
             SATCHEL_ADMIN_NUMBER ("removed", expunge.is_dry ? 0 : (gint64) expunge.n_total));
}
