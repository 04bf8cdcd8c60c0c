/* SPDX-License-Identifier: MIT
 * Keeps what only the index says of messages that plans add: metadata, keywords without a letter, flags that
 * names do not have, numbers of another store. It is written before the first step (decision 0101).
 */
#include "config.h"

#include "commit/transaction_plan.h"
#include "index/index.h"
#include "index/index_items.h"
#include "index/name_table.h"
#include "mailbox/mailbox.h"
#include "mailbox/metadata.h"

static guint32
get_uidnext_before (const MdPlan *plan, const MdMailbox *mb)
{
  for (guint i = 0; i < plan->mailboxes->len; i++)
    if (plan->mailboxes->pdata[i] == mb)
      return ((const SatchelSnapshot *) plan->before->pdata[i])->state.uidnext;
  return 0;
}

/* Says whether the effect is of a new message of which names of files do not say all. */
static gboolean
says_more (const MdPlan *plan, const MdEffect *effect)
{
  switch (effect->kind)
    {
    case MD_EFFECT_ADD:
      return effect->is_beyond_name || effect->is_import || md_metadata_of (effect->mb, effect->uid) != NULL;
    case MD_EFFECT_RENAME:
    case MD_EFFECT_TOUCH:
      return effect->is_beyond_name && effect->uid >= get_uidnext_before (plan, effect->mb);
    case MD_EFFECT_REMOVE:
    case MD_EFFECT_EXCHANGE:
      break;
    }
  return FALSE;
}

gboolean
md_plan_says_more (const MdPlan *plan)
{
  for (guint i = 0; i < plan->effects->len; i++)
    if (says_more (plan, &g_array_index (plan->effects, MdEffect, i)))
      return TRUE;
  return FALSE;
}

typedef struct Ahead
{
  MdMailbox *mb;
  GArray *uids;
} Ahead;

static void
append_message (guint index, GByteArray *out, gpointer data)
{
  const Ahead *ahead = data;
  MdMailbox *mb = ahead->mb;
  const guint32 uid = g_array_index (ahead->uids, guint32, index);
  SatchelMessageRow row;
  const MdEntry *entry = md_table_find (&mb->table, uid);
  if (entry != NULL && md_find_row (mb->snapshot, uid, &row))
    md_item_planned (out, &row, md_table_name (&mb->table, entry), entry->base_len, md_metadata_of (mb, uid));
}

/* A power cut makes all mod-sequences rise and costs save dates, so that these alone are not synced. */
static gboolean
write_mailbox (MdMailbox *mb, MdPlan *const *plans, guint n, GError **error)
{
  g_autoptr (GArray) uids = g_array_new (FALSE, FALSE, sizeof (guint32));
  for (guint p = 0; p < n; p++)
    for (guint i = 0; i < plans[p]->effects->len; i++)
      {
        const MdEffect *effect = &g_array_index (plans[p]->effects, MdEffect, i);
        if (effect->mb != mb || !says_more (plans[p], effect))
          continue;
        g_array_append_val (uids, effect->uid);
        mb->index.needs_sync |= effect->is_beyond_name || md_metadata_of (mb, effect->uid) != NULL;
      }
  Ahead ahead = { mb, uids };
  return uids->len == 0 || md_index_write_ahead (mb, uids->len, append_message, &ahead, error);
}

gboolean
md_plan_write_ahead (MdPlan *const *plans, guint n, GError **error)
{
  g_autoptr (GPtrArray) all = md_plan_all_mailboxes (plans, n);
  for (guint i = 0; i < all->len; i++)
    if (!write_mailbox (all->pdata[i], plans, n, error))
      return FALSE;
  return TRUE;
}
