/* SPDX-License-Identifier: MIT
 * Shows queue and counts of a user.
 */
#include "admin_queue.h"

#include "mailboxes.h"
#include "queue.h"

/* "stats" has the columns of the table. */
static const struct
{
  const char *name;
  guint n_days;
} spans[] = { { "today", 1 }, { "week", 7 } };

static gint64
now_s (void)
{
  return g_get_real_time () / G_USEC_PER_SEC;
}

static gboolean
print_item (SatchelAdminCall *call, SpamMailboxes *mailboxes, const SpamItem *item)
{
  SatchelMailbox *mailbox = spam_mailboxes_find (mailboxes, item->mailbox_id);
  g_autofree char *name = mailbox != NULL ? satchel_mailbox_name (mailbox) : NULL;
  return satchel_admin_record (call, SATCHEL_ADMIN_TEXT ("mailbox", name),
                               SATCHEL_ADMIN_NUMBER ("uid", item->uid),
                               SATCHEL_ADMIN_TEXT ("as", item->is_spam ? "spam" : "ham"),
                               SATCHEL_ADMIN_NUMBER ("waits_s", MAX (now_s () - item->queued_s, 0)));
}

static gboolean
run_queue (SatchelAdminCall *call, GError **error)
{
  g_autoptr (SatchelStore) store = satchel_admin_open_store (call, error);
  g_autoptr (SpamQueue) queue = store != NULL ? spam_queue_load (store, error) : NULL;
  if (queue == NULL || !spam_queue_need (queue, G_MAXUINT, error))
    return FALSE;
  SpamMailboxes *mailboxes = spam_mailboxes_new (store);
  SpamItem item;
  gboolean ok = TRUE;
  for (guint i = 0; ok && spam_queue_item (queue, i, &item); i++)
    ok = print_item (call, mailboxes, &item);
  spam_mailboxes_free (mailboxes);
  return ok;
}

static gboolean
run_stats (SatchelAdminCall *call, GError **error)
{
  g_autoptr (SatchelStore) store = satchel_admin_open_store (call, error);
  g_autoptr (SpamQueue) queue = store != NULL ? spam_queue_load (store, error) : NULL;
  if (queue == NULL || !spam_queue_need (queue, G_MAXUINT, error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (spans); i++)
    {
      SatchelAdminField fields[1 + SPAM_N_COUNTS] = { SATCHEL_ADMIN_TEXT ("span", spans[i].name) };
      for (SpamCount what = 0; what < SPAM_N_COUNTS; what++)
        fields[1 + what] = SATCHEL_ADMIN_NUMBER (
            spam_count_names[what], (gint64) spam_queue_sum (queue, what, spans[i].n_days, now_s ()));
      if (!satchel_admin_fields (call, fields, G_N_ELEMENTS (fields)))
        return FALSE;
    }
  return satchel_admin_record (call, SATCHEL_ADMIN_TEXT ("span", "now"),
                               SATCHEL_ADMIN_NUMBER ("waiting", spam_queue_n_items (queue)));
}

const SatchelAdminCommand spam_queue_command = { .size = sizeof spam_queue_command,
                                                 .name = "queue",
                                                 .summary =
                                                     "List the messages of a user that wait to be learnt",
                                                 .of_user = TRUE,
                                                 .run = run_queue };
const SatchelAdminCommand spam_stats_command = {
  .size = sizeof spam_stats_command,
  .name = "stats",
  .summary = "Count what a user's or all users' scanner learnt today and in a week, and what waits",
  .details = "spam and ham: learnt. before: known as such already. declined: the scanner did not want it,\n"
             "as too short. gone: it was moved or removed before. failed: given up after a week, or there\n"
             "was no room in the queue.  --all reads the queues of all users.",
  .of_user = TRUE,
  .run = run_stats,
  .sums = TRUE
};
