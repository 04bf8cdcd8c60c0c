/* SPDX-License-Identifier: MIT
 * Implements bits for the keywords that a transaction names.
 */
#include "config.h"

#include "index/index.h"
#include "names/keyword_letters.h"
#include "files/log_area.h"
#include "mailbox/mailbox.h"
#include "store/maildir_store.h"
#include "commit/transaction_plan.h"

#include <satchel/log.h>
#include <string.h>

static MdKeywordUse *
get_keyword_use (MdPlan *plan, MdMailbox *mb)
{
  if (plan->keyword_uses == NULL)
    plan->keyword_uses = g_array_new (FALSE, TRUE, sizeof (MdKeywordUse));
  for (guint i = 0; i < plan->keyword_uses->len; i++)
    {
      MdKeywordUse *use = &g_array_index (plan->keyword_uses, MdKeywordUse, i);
      if (use->mb == mb)
        return use;
    }
  MdKeywordUse use = { .mb = mb };
  g_array_append_val (plan->keyword_uses, use);
  return &g_array_index (plan->keyword_uses, MdKeywordUse, plan->keyword_uses->len - 1);
}

static void
count_used_keywords (MdKeywordUse *use)
{
  if (use->is_counted)
    return;
  use->is_counted = TRUE;
  SatchelKeywordSet used = satchel_snapshot_used_keywords (use->mb->snapshot);
  satchel_keyword_set_unite (&use->used, &used);
  if (use->mb->published == NULL || use->mb->published == use->mb->snapshot)
    return;
  used = satchel_snapshot_used_keywords (use->mb->published);
  satchel_keyword_set_unite (&use->used, &used);
}

/* Returns a bit that no message has, now or before this commit, and that this transaction has not asked for;
 * one without a letter if possible. -1 means that there is none. */
static int
find_unused_keyword (MdKeywordUse *use)
{
  const MdKeywords *keywords = &use->mb->keywords;
  int lettered = -1;
  if (use->is_full)
    return -1;
  count_used_keywords (use);
  for (guint bit = 0; bit < keywords->n; bit++)
    if (!satchel_keyword_set_has (&use->used, bit) && keywords->letter[bit] < 0)
      return (int) bit;
    else if (!satchel_keyword_set_has (&use->used, bit) && lettered < 0)
      lettered = (int) bit;
  use->is_full = lettered < 0;
  return lettered;
}

/* Returns the bit of a new keyword.  If all bits are taken, it is that of a keyword which no message has, now
 * or before this commit, since a transaction that fails brings keywords back. -1 means that there is none. */
static int
add_or_replace_keyword (MdKeywordUse *use, const char *name, gboolean *needs_file)
{
  MdMailbox *mb = use->mb;
  gboolean took_letter = FALSE;
  int bit = md_keywords_add (&mb->keywords, name, &took_letter);
  if (bit < 0)
    {
      bit = find_unused_keyword (use);
      if (bit < 0)
        return -1;
      took_letter = md_keywords_rename (&mb->keywords, (guint) bit, name);
    }
  *needs_file |= took_letter;
  mb->index.needs_sync |= !took_letter;
  return bit;
}

static gboolean
find_or_add_keywords (MdPlan *plan, MdMailbox *mb, char *const *names, MdKeywordsWanted wanted,
                      SatchelKeywordSet *ret, gboolean *needs_file, GError **error)
{
  SatchelKeywordSet bits = { { 0 } };
  MdKeywordUse *use = get_keyword_use (plan, mb);
  /* Keywords that exist are marked as used first, so that none of them makes room for another. */
  for (guint i = 0; names != NULL && names[i] != NULL; i++)
    {
      int bit = md_keywords_find (&mb->keywords, names[i]);
      if (bit >= 0)
        satchel_keyword_set_add (&bits, (guint) bit);
    }
  satchel_keyword_set_unite (&use->used, &bits);
  for (; names != NULL && *names != NULL && wanted != MD_KEYWORDS_KNOWN; names++)
    {
      if (md_keywords_find (&mb->keywords, *names) >= 0)
        continue;
      if (!md_keywords_is_valid (*names))
        return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "the keyword cannot be stored");
      int bit = add_or_replace_keyword (use, *names, needs_file);
      if (bit < 0 && wanted == MD_KEYWORDS_ALL)
        return satchel_error_set (error, SATCHEL_ERROR_LIMIT,
                                  "mailbox %s: its messages have %u keywords (limits.keywords); remove one "
                                  "of them from all messages first",
                                  mb->name, mb->keywords.n);
      if (bit < 0)
        {
          use->n_without++;
          continue;
        }
      satchel_keyword_set_add (&bits, (guint) bit);
      satchel_keyword_set_add (&use->used, (guint) bit);
    }
  *ret = bits;
  return TRUE;
}

void
md_plan_log_keywords (const MdPlan *plan)
{
  for (guint i = 0; plan->keyword_uses != NULL && i < plan->keyword_uses->len; i++)
    {
      const MdKeywordUse *use = &g_array_index (plan->keyword_uses, MdKeywordUse, i);
      if (use->n_without > 0)
        satchel_log (SATCHEL_LOG_WARNING, MD_AREA,
                     "user=%s mailbox %s: its messages have %u keywords (limits.keywords), new ones come in "
                     "without %u others",
                     plan->store->storage->identity->user, use->mb->name, use->mb->keywords.n,
                     use->n_without);
    }
}

static gboolean
has_all_keywords (const MdKeywords *keywords, char *const *names)
{
  for (; names != NULL && *names != NULL; names++)
    if (md_keywords_find (keywords, *names) < 0)
      return FALSE;
  return TRUE;
}

/* Keywords that the mailbox lacks are added, with a letter while one is free, and are durable before they
 * are used. If saving fails they are given up, and the next use of one saves again. */
gboolean
md_plan_keyword_bits (MdPlan *plan, MdMailbox *mb, char *const *names, MdKeywordsWanted wanted,
                      SatchelKeywordSet *ret, GError **error)
{
  *ret = (SatchelKeywordSet) { { 0 } };
  if (names == NULL || names[0] == NULL)
    return TRUE;
  gboolean needs_file = wanted != MD_KEYWORDS_KNOWN && mb->keywords.is_unsure;
  if (!needs_file && (wanted == MD_KEYWORDS_KNOWN || has_all_keywords (&mb->keywords, names)))
    return find_or_add_keywords (plan, mb, names, wanted, ret, &needs_file, error);
  MdKeywords before;
  md_keywords_copy (&mb->keywords, &before);
  gboolean ok = find_or_add_keywords (plan, mb, names, wanted, ret, &needs_file, error)
                && (!needs_file || md_keywords_save (&mb->keywords, mb->control_fd, error));
  for (guint bit = 0; ok && bit < mb->keywords.n; bit++)
    if (bit >= before.n || strcmp (mb->keywords.names[bit], before.names[bit]) != 0)
      md_index_keyword (mb, bit);
  if (!ok)
    {
      MdKeywords failed = mb->keywords;
      mb->keywords = before;
      mb->keywords.is_unsure = failed.is_unsure;
      before = failed;
    }
  md_keywords_clear (&before);
  return ok;
}
