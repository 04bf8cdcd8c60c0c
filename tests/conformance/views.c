/* SPDX-License-Identifier: MIT
 * views.h
 */
#include "config.h"

#include "views.h"

#include <string.h>

static char *
read_content (SatchelMailbox *mailbox, guint32 uid, GError **error)
{
  g_autoptr (SatchelStream) stream = satchel_mailbox_open_message (mailbox, uid, error);
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  guint64 done = 0;
  char buffer[16384];
  gssize n = stream != NULL ? 1 : -1;
  for (; n > 0; done += (guint64) MAX (n, 0))
    {
      n = satchel_stream_read_at (stream, done, buffer, sizeof buffer, error);
      if (n > 0)
        g_checksum_update (sum, (guchar *) buffer, n);
    }
  return n < 0 ? NULL : g_strdup_printf ("%" G_GUINT64_FORMAT " %.12s", done, g_checksum_get_string (sum));
}

/* What a client has noted under a number. */
typedef struct Noted
{
  char *content;
  guint64 modseq;
} Noted;

static void
noted_free (gpointer data)
{
  g_free (((Noted *) data)->content);
  g_free (data);
}

typedef struct Taking
{
  GString *seen, *exact;
  GHashTable *messages;
  gboolean has_metadata;
  GPtrArray *lines; /* of the messages of a mailbox: after a crash they may be in another order */
} Taking;

gboolean
view_has_metadata (const Fixture *user)
{
  return SATCHEL_HAS (user->backend->levels[user->backend->n_levels - 1].ops, list_metadata);
}

/* What layers write has times in it: that it is there is the same for every user. */
static void
add_metadata (guint32 uid, const char *key, GBytes *value, gpointer data)
{
  gsize len;
  const char *text = g_bytes_get_data (value, &len);
  if (g_str_has_prefix (key, METADATA_PREFIX))
    g_string_append_printf (data, " %s=%.*s", key, (int) len, text);
  else
    g_string_append_printf (data, " has %s", key);
}

/* What a message has beyond content, flags and date. */
static char *
describe_more (Taking *taking, SatchelMailbox *mailbox, guint32 uid, gint64 save_date, GError **error)
{
  g_autoptr (GString) more = g_string_new (NULL);
  if (taking->has_metadata && !satchel_mailbox_list_metadata (mailbox, &uid, 1, add_metadata, more, error))
    return NULL;
  if (save_date == IMPORTED_SAVE_DATE)
    g_string_append (more, " saved elsewhere");
  return g_string_free (g_steal_pointer (&more), FALSE);
}

static gboolean
take_message (Taking *taking, SatchelMailbox *mailbox, const SatchelSnapshot *snapshot, guint32 index,
              GError **error)
{
  guint row;
  const SatchelChunk *chunk = satchel_snapshot_at (snapshot, index, &row);
  g_autofree char *content = read_content (mailbox, chunk->uid[row], error);
  if (content == NULL)
    return FALSE;
  SatchelMessageRow all;
  satchel_chunk_get_row (chunk, row, &all);
  g_autofree char *more = describe_more (taking, mailbox, all.uid, all.save_date, error);
  if (more == NULL)
    return FALSE;
  g_autofree char *keywords = keywords_of (mailbox, all.uid);
  g_ptr_array_add (taking->lines, g_strdup_printf ("  %s flags=%x [%s] date=%" G_GINT64_FORMAT "%s\n",
                                                   content, all.flags, keywords, all.internal_date, more));
  g_string_append_printf (taking->exact, "  %u\n", chunk->uid[row]);
  GString *number = g_string_new (NULL);
  for (guint i = 0; i < 16; i++)
    g_string_append_printf (number, "%02x", snapshot->state.mailbox_id[i]);
  g_string_append_printf (number, " %u %u", snapshot->state.uidvalidity, chunk->uid[row]);
  Noted *noted = g_new (Noted, 1);
  *noted = (Noted) { g_steal_pointer (&content), chunk->modseq[row] };
  g_hash_table_insert (taking->messages, g_string_free (number, FALSE), noted);
  return TRUE;
}

static int
compare_lines (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

static gboolean
take_mailbox (Taking *taking, Fixture *user, const SatchelMailboxInfo *info, GError **error)
{
  g_string_append_printf (taking->seen, "%s%s%s%s uses=%x", info->name,
                          info->exists ? "" : ", which is no mailbox",
                          info->is_selectable ? "" : ", not selectable",
                          info->is_subscribed ? ", subscribed" : "", info->special_use);
  if (!info->is_selectable)
    {
      g_string_append_c (taking->seen, '\n');
      return TRUE;
    }
  g_autoptr (SatchelMailbox) mailbox = satchel_store_open_mailbox (user->store, info->name, error);
  if (mailbox == NULL)
    return FALSE;
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_dated_snapshot (mailbox, error);
  if (snapshot == NULL)
    return FALSE;
  const SatchelMailboxState *state = &snapshot->state;
  guint32 first_recent;
  satchel_snapshot_find (snapshot, state->first_recent_uid, &first_recent);
  g_string_append_printf (taking->seen, " recent=%u\n", state->n_messages - first_recent);
  g_string_append_printf (taking->exact, "%s %u\n", info->name, state->uidvalidity);
  for (guint32 i = 0; i < state->n_messages; i++)
    if (!take_message (taking, mailbox, snapshot, i, error))
      return FALSE;
  g_ptr_array_sort (taking->lines, compare_lines);
  for (guint i = 0; i < taking->lines->len; i++)
    g_string_append (taking->seen, taking->lines->pdata[i]);
  g_ptr_array_set_size (taking->lines, 0);
  return TRUE;
}

static gboolean
take_blobs (Taking *taking, Fixture *user, GError **error)
{
  g_auto (GStrv) names = satchel_store_list_blobs (user->store, TRIALS_SPACE, error);
  for (guint i = 0; names != NULL && names[i] != NULL; i++)
    {
      g_autoptr (GBytes) value = satchel_store_get_blob (user->store, TRIALS_SPACE, names[i], error);
      if (value == NULL)
        return FALSE;
      g_string_append_printf (taking->seen, "blob %s: %.*s\n", names[i], (int) g_bytes_get_size (value),
                              (const char *) g_bytes_get_data (value, NULL));
    }
  return names != NULL;
}

gboolean
view_take (Fixture *user, View *ret_view, GError **error)
{
  Taking taking = { g_string_new (NULL), g_string_new (NULL),
                    g_hash_table_new_full (g_str_hash, g_str_equal, g_free, noted_free),
                    view_has_metadata (user), g_ptr_array_new_with_free_func (g_free) };
  g_autoptr (GPtrArray) infos = satchel_store_list (user->store, error);
  gboolean ok = infos != NULL;
  for (guint i = 0; ok && i < infos->len; i++)
    ok = take_mailbox (&taking, user, infos->pdata[i], error);
  if (ok && SATCHEL_HAS (user->backend->levels[user->backend->n_levels - 1].ops, put_blobs))
    ok = take_blobs (&taking, user, error);
  g_ptr_array_unref (taking.lines);
  *ret_view =
      (View) { g_string_free (taking.seen, FALSE), g_string_free (taking.exact, FALSE), taking.messages };
  if (!ok)
    view_clear (ret_view);
  return ok;
}

void
view_clear (View *view)
{
  g_clear_pointer (&view->seen, g_free);
  g_clear_pointer (&view->exact, g_free);
  g_clear_pointer (&view->messages, g_hash_table_unref);
}

void
view_assert_numbers_hold (const View *before, const View *after, const char *where)
{
  GHashTableIter iter;
  gpointer number, noted;
  g_hash_table_iter_init (&iter, before->messages);
  while (g_hash_table_iter_next (&iter, &number, &noted))
    {
      const Noted *now = g_hash_table_lookup (after->messages, number), *then = noted;
      if (now == NULL)
        continue;
      if (strcmp (now->content, then->content) != 0)
        g_error ("%s: the message %s is another one now: %s, not %s", where, (char *) number, now->content,
                 then->content);
      if (now->modseq < then->modseq)
        g_error ("%s: the mod-sequence of the message %s has gone back", where, (char *) number);
    }
}
