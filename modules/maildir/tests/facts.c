/* SPDX-License-Identifier: MIT
 * facts.h
 */
#include "config.h"

#include "modules/maildir/tests/facts.h"

#include <ftw.h>
#include <stdio.h>
#include <string.h>

static void add_fact (GHashTable *facts, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
add_fact (GHashTable *facts, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_hash_table_add (facts, g_strdup_vprintf (format, arguments));
  va_end (arguments);
}

/* Facts of a message are small: an operation that was cut off may have done some of its work. */
static void
observe_mailbox (GHashTable *facts, SatchelMailbox *mailbox, const char *name)
{
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  add_fact (facts, "uidvalidity %s %u", name, snapshot->state.uidvalidity);
  for (guint32 i = 0; i < snapshot->state.n_messages; i++)
    {
      guint row;
      const SatchelChunk *chunk = satchel_snapshot_at (snapshot, i, &row);
      guint32 uid = chunk->uid[row];
      g_autofree char *text = message_text (mailbox, uid);
      g_strdelimit (text, "\r\n", '.');
      add_fact (facts, "message %s %u %s", name, uid, text);
      add_fact (facts, "%s", text);
      add_fact (facts, "date %" G_GINT64_FORMAT " %s", chunk->internal_date[row], text);
      for (guint bit = 0; bit < 5; bit++)
        if ((chunk->flags[row] >> bit & 1) != 0)
          add_fact (facts, "flag %s %u %u", name, uid, bit);
      for (guint k = 0; k < snapshot->n_keywords; k++)
        if (satchel_chunk_has_keyword (chunk, row, k))
          add_fact (facts, "keyword %s %u %s", name, uid, snapshot->keywords[k]);
    }
}

GHashTable *
facts_observe (Place *place)
{
  GHashTable *facts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) infos = satchel_store_list (place->store, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      if (info->is_subscribed)
        add_fact (facts, "subscribed %s", info->name);
      if (!info->is_selectable)
        continue;
      add_fact (facts, "mailbox %s", info->name);
      if (info->special_use != 0)
        add_fact (facts, "use %s %u", info->name, info->special_use);
      SatchelMailbox *mailbox = satchel_store_open_mailbox (place->store, info->name, &error);
      g_assert_no_error (error);
      observe_mailbox (facts, mailbox, info->name);
      satchel_mailbox_unref (mailbox);
    }
  return facts;
}

static int
remove_one (const char *path, const struct stat *st, int type, struct FTW *ftw)
{
  return remove (path);
}

void
facts_remove_tree (const char *path)
{
  nftw (path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
