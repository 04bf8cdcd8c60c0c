/* SPDX-License-Identifier: MIT
 * facts.h
 */
#include "config.h"

#include "tests/lib/facts.h"

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

/* A text that is long is told by its beginning, length and sum. */
static char *
abridge (char *text)
{
  const gsize len = strlen (text);
  g_strdelimit (text, "\r\n", '.');
  if (len <= 200)
    return text;
  g_autofree char *sum = g_compute_checksum_for_string (G_CHECKSUM_MD5, text, (gssize) len), *whole = text;
  return g_strdup_printf ("%.40s... %" G_GSIZE_FORMAT " %s", whole, len, sum);
}

typedef struct Noting
{
  GHashTable *facts;
  const char *text;
  gboolean has_any;
} Noting;

static void
add_metadata (guint32 uid, const char *key, GBytes *value, gpointer data)
{
  Noting *noting = data;
  gsize len;
  const char *bytes = g_bytes_get_data (value, &len);
  add_fact (noting->facts, "metadata %s=%.*s %s", key, (int) len, bytes, noting->text);
  noting->has_any = TRUE;
}

/* Metadata is told by the text, so that it must be somewhere while a message moves; that a copy has none is a
 * fact, too. */
static void
observe_metadata (GHashTable *facts, SatchelMailbox *mailbox, const char *name, guint32 uid, const char *text)
{
  Noting noting = { facts, text, FALSE };
  if (satchel_mailbox_list_metadata (mailbox, &uid, 1, add_metadata, &noting, NULL) && !noting.has_any)
    add_fact (facts, "bare %s %u %s", name, uid, text);
}

/* Facts of a message are small: an operation that was cut off may have done some of its work. */
static gboolean
observe_message (GHashTable *facts, SatchelMailbox *mailbox, const char *name,
                 const SatchelSnapshot *snapshot, const SatchelChunk *chunk, guint row)
{
  const guint32 uid = chunk->uid[row];
  char *content = message_text (mailbox, uid);
  if (content == NULL)
    return FALSE;
  g_autofree char *text = abridge (content);
  add_fact (facts, "message %s %u %s", name, uid, text);
  add_fact (facts, "%s", text);
  add_fact (facts, "date %" G_GINT64_FORMAT " %s", chunk->internal_date[row], text);
  observe_metadata (facts, mailbox, name, uid, text);
  for (guint bit = 0; bit < 5; bit++)
    if ((chunk->flags[row] >> bit & 1) != 0)
      add_fact (facts, "flag %s %u %u", name, uid, bit);
  for (guint k = 0; k < snapshot->n_keywords; k++)
    if (satchel_chunk_has_keyword (chunk, row, k))
      add_fact (facts, "keyword %s %u %s", name, uid, snapshot->keywords[k]);
  return TRUE;
}

static gboolean
observe_mailbox (GHashTable *facts, SatchelMailbox *mailbox, const char *name, GError **error)
{
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  add_fact (facts, "uidvalidity %s %u", name, snapshot->state.uidvalidity);
  for (guint32 i = 0; i < snapshot->state.n_messages; i++)
    {
      guint row;
      const SatchelChunk *chunk = satchel_snapshot_at (snapshot, i, &row);
      if (!observe_message (facts, mailbox, name, snapshot, chunk, row))
        return satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "message %u of %s cannot be read",
                                  chunk->uid[row], name);
    }
  return TRUE;
}

static gboolean
observe_info (GHashTable *facts, SatchelStore *store, const SatchelMailboxInfo *info, GError **error)
{
  if (info->is_subscribed)
    add_fact (facts, "subscribed %s", info->name);
  if (!info->is_selectable)
    return TRUE;
  add_fact (facts, "mailbox %s", info->name);
  if (info->special_use != 0)
    add_fact (facts, "use %s %u", info->name, info->special_use);
  SatchelMailbox *mailbox = satchel_store_open_mailbox (store, info->name, error);
  if (mailbox == NULL)
    return FALSE;
  gboolean ok = observe_mailbox (facts, mailbox, info->name, error);
  satchel_mailbox_unref (mailbox);
  return ok;
}

GHashTable *
facts_try_observe (SatchelStore *store, GError **error)
{
  g_autoptr (GHashTable) facts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GPtrArray) infos = satchel_store_list (store, error);
  for (guint i = 0; infos != NULL && i < infos->len; i++)
    if (!observe_info (facts, store, infos->pdata[i], error))
      return NULL;
  return infos != NULL ? g_steal_pointer (&facts) : NULL;
}

GHashTable *
facts_observe (SatchelStore *store)
{
  g_autoptr (GError) error = NULL;
  GHashTable *facts = facts_try_observe (store, &error);
  g_assert_no_error (error);
  return facts;
}

/* Of a message on its way in nobody was told a UID or date yet, and of a mailbox being made no UIDVALIDITY;
 * one being removed, which in some stores takes several steps, may come back with another. */
static gboolean
is_on_its_way (const char *fact, GHashTable *last, GHashTable *next)
{
  if (g_str_has_prefix (fact, "uidvalidity "))
    {
      const char *name = fact + strlen ("uidvalidity ");
      g_autofree char *name_of = g_strdup_printf ("mailbox %.*s", (int) (strrchr (name, ' ') - name), name);
      return g_hash_table_contains (last, name_of) != g_hash_table_contains (next, name_of);
    }
  const char *text = strstr (fact, " text ");
  return text != NULL && !g_hash_table_contains (last, text + 1) && g_hash_table_contains (next, text + 1);
}

void
facts_check (GHashTable *last, GHashTable *next, GHashTable *seen, FactsWrongFunc func, gpointer data)
{
  GHashTableIter iter;
  gpointer fact;
  g_hash_table_iter_init (&iter, last);
  while (g_hash_table_iter_next (&iter, &fact, NULL))
    if (g_hash_table_contains (next, fact) && !g_hash_table_contains (seen, fact))
      func ("lost", fact, data);
  g_hash_table_iter_init (&iter, seen);
  while (g_hash_table_iter_next (&iter, &fact, NULL))
    if (!g_hash_table_contains (last, fact) && !g_hash_table_contains (next, fact)
        && !is_on_its_way (fact, last, next))
      func ("came back, or was never there", fact, data);
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
