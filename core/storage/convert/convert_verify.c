/* SPDX-License-Identifier: MIT
 * This file compares a copy with the store, in everything that a client or a module could see: names,
 * numbers, ids, dates, flags, what vanished, and the SHA-256 of each message.
 */
#include "config.h"

#include "core/storage/convert/convert_private.h"

#include <string.h>

#define BLOCK_BYTES 65536u

static gboolean
differ (GError **error, const SatchelConvertPair *pair, guint32 uid, const char *what)
{
  return uid == 0 ? satchel_error_set (error, SATCHEL_ERROR_FAILED, "the copy of mailbox %s has another %s",
                                       pair->name, what)
                  : satchel_error_set (error, SATCHEL_ERROR_FAILED,
                                       "the copy of message %u of mailbox %s has another %s", uid, pair->name,
                                       what);
}

static char *
hash_content (SatchelStream *content, GError **error)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autofree guint8 *block = g_malloc (BLOCK_BYTES);
  for (guint64 offset = 0;;)
    {
      gssize n = satchel_stream_read_at (content, offset, block, BLOCK_BYTES, error);
      if (n < 0)
        return NULL;
      if (n == 0)
        return g_strdup (g_checksum_get_string (sum));
      g_checksum_update (sum, block, n);
      offset += (guint64) n;
    }
}

/* A message that was removed meanwhile has no content to be compared. */
static gboolean
compare_content (const SatchelConvertPair *pair, guint32 uid, GError **error)
{
  const SatchelConversion *conversion = pair->conversion;
  SatchelStorageMailbox *from = &pair->from->handle;
  guint8 id[16], own_id[16];
  g_autofree char *unique_id = NULL, *own_unique_id = NULL;
  g_autoptr (SatchelStream) content =
      satchel_storage_open_message (conversion->source, conversion->access, from, uid, error);
  g_autoptr (SatchelStream) own =
      content != NULL ? satchel_mailbox_open_message (pair->to, uid, error) : NULL;
  g_autofree char *sum = own != NULL ? hash_content (content, error) : NULL,
                  *own_sum = sum != NULL ? hash_content (own, error) : NULL;
  if (own_sum == NULL
      || !satchel_storage_email_id (conversion->source, conversion->access, from, uid, id, error)
      || !satchel_mailbox_email_id (pair->to, uid, own_id, error)
      || !satchel_storage_unique_ids (conversion->source, conversion->access, from, &uid, 1, &unique_id,
                                      error)
      || !satchel_mailbox_unique_ids (pair->to, &uid, 1, &own_unique_id, error))
    return FALSE;
  if (strcmp (sum, own_sum) != 0)
    return differ (error, pair, uid, "content");
  if (memcmp (id, own_id, sizeof id) != 0)
    return differ (error, pair, uid, "email id");
  return g_strcmp0 (unique_id, own_unique_id) == 0 || differ (error, pair, uid, "unique id");
}

static gboolean
compare_rows (const SatchelConvertPair *pair, const SatchelMessageRow *row, const SatchelMessageRow *own,
              GError **error)
{
  g_autofree const char **keywords = satchel_snapshot_keyword_names (pair->wanted, &row->keywords),
                        **own_keywords = satchel_snapshot_keyword_names (pair->present, &own->keywords);
  guint n = g_strv_length ((char **) keywords);
  gboolean has_same = n == g_strv_length ((char **) own_keywords);
  for (guint i = 0; has_same && i < n; i++)
    {
      has_same = FALSE;
      for (guint k = 0; k < n && !has_same; k++)
        has_same = g_ascii_strcasecmp (keywords[i], own_keywords[k]) == 0;
    }
  const char *what = row->uid != own->uid                                          ? "UID"
                     : ((row->flags ^ own->flags) & SATCHEL_FLAGS_ALL) != 0        ? "flag"
                     : !has_same                                                   ? "keyword"
                     : row->modseq != own->modseq                                  ? "mod-sequence"
                     : row->internal_date != own->internal_date                    ? "internal date"
                     : row->save_date != own->save_date                            ? "save date"
                     : row->size != own->size && row->size != SATCHEL_SIZE_UNKNOWN ? "size"
                                                                                   : NULL;
  return what == NULL || differ (error, pair, row->uid, what);
}

static gboolean
compare_numbers (const SatchelConvertPair *pair, GError **error)
{
  const SatchelMailboxState *state = &pair->wanted->state, *own = &pair->present->state;
  const char *what = state->n_messages != own->n_messages               ? "number of messages"
                     : state->uidvalidity != own->uidvalidity           ? "UIDVALIDITY"
                     : state->uidnext != own->uidnext                   ? "UIDNEXT"
                     : state->highestmodseq != own->highestmodseq       ? "HIGHESTMODSEQ"
                     : state->first_recent_uid != own->first_recent_uid ? "first recent UID"
                                                                        : NULL;
  return what == NULL || differ (error, pair, 0, what);
}

static gboolean
compare_history (const SatchelConvertPair *pair, GError **error)
{
  const SatchelConversion *conversion = pair->conversion;
  g_auto (SatchelUidSet) uids = { NULL, 0 }, own = { NULL, 0 };
  gboolean is_complete = FALSE, own_is_complete = FALSE;
  if (!pair->conversion->is_held)
    return TRUE; /* the mailbox changes while it is compared */
  guint64 since = MAX (pair->wanted->state.history_start, pair->present->state.history_start);
  if (!satchel_storage_vanished (conversion->source, conversion->access, &pair->from->handle, since, &uids,
                                 &is_complete, error)
      || !satchel_mailbox_vanished (pair->to, since, &own, &own_is_complete, error))
    return FALSE;
  g_autoptr (GString) text = g_string_new (NULL), own_text = g_string_new (NULL);
  satchel_uid_set_format (&uids, text);
  satchel_uid_set_format (&own, own_text);
  return g_string_equal (text, own_text) || differ (error, pair, 0, "history of removed messages");
}

static gboolean
compare_message (SatchelConvertPair *pair, guint32 index, GError **error)
{
  guint at;
  SatchelMessageRow row, own;
  g_autoptr (GError) local = NULL;
  const SatchelChunk *chunk = satchel_snapshot_at (pair->wanted, index, &at);
  satchel_chunk_get_row (chunk, at, &row);
  chunk = satchel_snapshot_at (pair->present, index, &at);
  satchel_chunk_get_row (chunk, at, &own);
  if (!compare_rows (pair, &row, &own, error))
    return FALSE;
  pair->conversion->counts.n_done = ++pair->conversion->n_compared;
  if (compare_content (pair, row.uid, &local) || g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_GONE))
    return satchel_convert_step (pair->conversion, error);
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

static gboolean
compare_mailbox (SatchelConvertPair *pair, GError **error)
{
  if (!compare_numbers (pair, error) || !compare_history (pair, error))
    return FALSE;
  for (guint32 i = 0; !pair->conversion->is_held && i < pair->wanted->state.n_messages; i++)
    if (!compare_message (pair, i, error))
      return FALSE;
  return TRUE;
}

static gboolean
compare_names (SatchelConversion *conversion, GPtrArray *infos, GError **error)
{
  g_autoptr (GPtrArray) own = satchel_store_list (conversion->to, error);
  if (own == NULL)
    return FALSE;
  for (guint i = 0; i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i], *copy = satchel_list_find (own, info->name);
      if (copy == NULL || copy->is_selectable != info->is_selectable
          || copy->is_subscribed != info->is_subscribed || copy->special_use != info->special_use)
        return satchel_error_set (error, SATCHEL_ERROR_FAILED,
                                  "the copy has no mailbox %s, or it has another subscription or special use",
                                  info->name);
    }
  return own->len == infos->len
         || satchel_error_set (error, SATCHEL_ERROR_FAILED, "the copy has more mailboxes than the store");
}

gboolean
satchel_conversion_verify (SatchelConversion *conversion, GError **error)
{
  g_autoptr (GPtrArray) infos = satchel_convert_list_source (conversion, error);
  if (infos == NULL || !compare_names (conversion, infos, error)
      || !satchel_convert_blobs (conversion, TRUE, error))
    return FALSE;
  conversion->n_compared = 0;
  conversion->counts.is_comparing = TRUE;
  for (guint i = 0; i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      SatchelConvertPair pair = { NULL };
      if (!info->is_selectable)
        continue;
      /* Changes since the last pass are copied first, so that both sides are of the same moment. */
      gboolean ok = satchel_convert_open_pair (conversion, info->name, &pair, error)
                    && satchel_convert_pair (&pair, error) && compare_mailbox (&pair, error);
      satchel_convert_close_pair (&pair);
      if (!ok)
        return FALSE;
    }
  return TRUE;
}
