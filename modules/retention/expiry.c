/* SPDX-License-Identifier: MIT
 * expiry.h. A message counts from its save date. One that has none, since it was taken over or imported,
 * counts from when this first saw it: a blob for each mailbox says when that was, and up to which UID.
 */
#include "expiry.h"

#include <satchel/counter.h>
#include <satchel/log.h>
#include <satchel/mailbox_name.h>
#include <string.h>

#define SPACE "retention"
#define BATCH 200u /* messages that go at once: sessions wait for it */

SATCHEL_COUNTER (expired, "satchel_retention_expired_total", "Messages that were removed by themselves");

/* ---- messages without a save date ---- */

typedef struct Seen
{
  guint32 uidvalidity, uidnext; /* messages below uidnext were seen at time_s */
  gint64 time_s;
} Seen;

static char *
blob_name (const SatchelSnapshot *snapshot)
{
  GString *name = g_string_new ("seen-");
  for (guint i = 0; i < sizeof snapshot->state.mailbox_id; i++)
    g_string_append_printf (name, "%02x", snapshot->state.mailbox_id[i]);
  return g_string_free (name, FALSE);
}

static gboolean
parse_seen (GBytes *value, Seen *ret_seen)
{
  gsize len;
  const char *data = g_bytes_get_data (value, &len);
  g_autofree char *text = g_strndup (data, len);
  g_auto (GStrv) words = g_strsplit (text, " ", 4);
  guint64 uidvalidity, uidnext;
  if (g_strv_length (words) != 3
      || !g_ascii_string_to_unsigned (words[0], 10, 1, G_MAXUINT32, &uidvalidity, NULL)
      || !g_ascii_string_to_unsigned (words[1], 10, 1, G_MAXUINT32, &uidnext, NULL)
      || !g_ascii_string_to_signed (words[2], 10, 0, G_MAXINT64, &ret_seen->time_s, NULL))
    return FALSE;
  ret_seen->uidvalidity = (guint32) uidvalidity;
  ret_seen->uidnext = (guint32) uidnext;
  return TRUE;
}

/* Finds since when messages without a save date count. Those that came since the last time begin a new count
 * for all: it is never too early. */
static gboolean
find_seen (SatchelStore *store, const SatchelSnapshot *snapshot, guint32 last_undated, gint64 now_s,
           Seen *ret_seen, GError **error)
{
  g_autofree char *name = blob_name (snapshot);
  g_autoptr (GError) local = NULL;
  g_autoptr (GBytes) value = satchel_store_get_blob (store, SPACE, name, &local);
  if (value == NULL && !g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  if (value != NULL && parse_seen (value, ret_seen) && ret_seen->uidvalidity == snapshot->state.uidvalidity
      && last_undated < ret_seen->uidnext)
    return TRUE;
  *ret_seen = (Seen) { snapshot->state.uidvalidity, snapshot->state.uidnext, now_s };
  g_autofree char *text =
      g_strdup_printf ("%u %u %" G_GINT64_FORMAT, ret_seen->uidvalidity, ret_seen->uidnext, ret_seen->time_s);
  g_autoptr (GBytes) put = g_bytes_new (text, strlen (text));
  const SatchelBlob change = { name, put };
  return satchel_store_put_blobs (store, SPACE, &change, 1, error);
}

static guint32
find_last_undated (const SatchelSnapshot *snapshot)
{
  guint32 last = 0;
  for (guint c = 0; c < snapshot->n_chunks; c++)
    for (guint row = 0; row < snapshot->chunks[c]->n; row++)
      if (snapshot->chunks[c]->save_date[row] <= 0)
        last = snapshot->chunks[c]->uid[row];
  return last;
}

/* ---- a mailbox ---- */

/* Returns how many messages are older than @until_s, the first of them in @uids. */
static guint
find_old (const SatchelSnapshot *snapshot, gint64 until_s, gint64 undated_s, SatchelUidSet *uids)
{
  guint n = 0;
  for (guint c = 0; c < snapshot->n_chunks && n < BATCH; c++)
    {
      const SatchelChunk *chunk = snapshot->chunks[c];
      for (guint row = 0; row < chunk->n && n < BATCH; row++)
        {
          gint64 saved_s = chunk->save_date[row] > 0 ? chunk->save_date[row] : undated_s;
          if (saved_s > until_s)
            continue;
          satchel_uid_set_add (uids, chunk->uid[row], chunk->uid[row]);
          n++;
        }
    }
  return n;
}

/* Removes the next old messages. *@ret_n: how many. */
static gboolean
expire_batch (SatchelStore *store, SatchelMailbox *mailbox, gint64 age_s, gint64 now_s, guint *ret_n,
              GError **error)
{
  Seen seen = { .time_s = now_s };
  g_auto (SatchelUidSet) uids = { NULL, 0 };
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  guint32 last_undated = find_last_undated (snapshot);
  if (last_undated > 0 && !find_seen (store, snapshot, last_undated, now_s, &seen, error))
    return FALSE;
  *ret_n = find_old (snapshot, now_s - age_s, seen.time_s, &uids);
  if (*ret_n == 0)
    return TRUE;
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  satchel_transaction_expunge (transaction, mailbox, &uids, FALSE);
  return satchel_transaction_commit (transaction, error);
}

static void
log_expired (SatchelStore *store, const char *name, guint n)
{
  g_autoptr (GString) line = g_string_new ("expired:");
  satchel_log_field (line, "user", satchel_store_user (store));
  satchel_log_field (line, "mailbox", name);
  g_string_append_printf (line, " messages=%u", n);
  satchel_log (SATCHEL_LOG_INFO, "retention", "%s", line->str);
  satchel_counter_add (&expired, n);
}

static SatchelMaintained
expire_mailbox (SatchelStore *store, const char *name, gint64 age_s, const SatchelMaintenance *maintenance,
                GError **error)
{
  guint n = 0, n_all = 0;
  g_autoptr (SatchelMailbox) mailbox = satchel_store_open_mailbox (store, name, error);
  gboolean ok = mailbox != NULL, is_over = FALSE;
  do
    {
      ok = ok && expire_batch (store, mailbox, age_s, maintenance->now_s, &n, error);
      n_all += ok ? n : 0;
      is_over = satchel_maintenance_is_over (maintenance);
    }
  while (ok && n == BATCH && !is_over);
  if (n_all > 0)
    log_expired (store, name, n_all);
  if (!ok)
    return SATCHEL_MAINTAIN_FAILED;
  return n == BATCH ? SATCHEL_MAINTAIN_MORE : SATCHEL_MAINTAIN_DONE;
}

/* ---- all mailboxes ---- */

/* Returns the shortest of the ages that count for the mailbox; 0: none does. */
static gint64
age_of (const GPtrArray *expiries, const SatchelMailboxInfo *info)
{
  gint64 age_s = 0;
  for (guint i = 0; i < expiries->len; i++)
    {
      const RetentionExpiry *expiry = expiries->pdata[i];
      gboolean fits = expiry->special_use != 0 ? (info->special_use & expiry->special_use) != 0
                                               : satchel_list_match (expiry->pattern, info->name, '/');
      if (fits && (age_s == 0 || expiry->age_s < age_s))
        age_s = expiry->age_s;
    }
  return age_s;
}

SatchelMaintained
retention_expire (SatchelStore *store, const SatchelMaintenance *maintenance, GError **error)
{
  g_autoptr (RetentionSettings) settings = retention_settings_current (error);
  if (settings == NULL)
    return SATCHEL_MAINTAIN_FAILED;
  const GPtrArray *expiries = retention_settings_expiries (settings);
  if (expiries->len == 0 || maintenance->clock_jumped)
    return SATCHEL_MAINTAIN_DONE;
  g_autoptr (GPtrArray) infos = satchel_store_list (store, error);
  for (guint i = 0; infos != NULL && i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      gint64 age_s = info->is_selectable ? age_of (expiries, info) : 0;
      /* What is kept already is removed by its age only, and so is another's. */
      if (age_s == 0 || (satchel_store_rights (store, info->name) & SATCHEL_RIGHT_EXPUNGE) == 0)
        continue;
      SatchelMaintained result = expire_mailbox (store, info->name, age_s, maintenance, error);
      if (result != SATCHEL_MAINTAIN_DONE)
        return result;
    }
  return infos != NULL ? SATCHEL_MAINTAIN_DONE : SATCHEL_MAINTAIN_FAILED;
}
