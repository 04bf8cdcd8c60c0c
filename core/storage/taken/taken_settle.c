/* SPDX-License-Identifier: MIT
 * This file finds out whether the last batch of an import was committed, if the import ended before it
 * could say so.  A batch is committed as a whole, so it is enough to find one of its messages among those
 * that came after it was noted.
 */
#include "config.h"

#include "core/storage/taken/taken_private.h"

#include <string.h>

#define BLOCK_BYTES 65536u

static gboolean
is_mailbox (SatchelStore *store, const char *name, const guint8 id[16])
{
  SatchelMailboxState state;
  return satchel_store_status (store, name, &state, NULL) && memcmp (state.mailbox_id, id, 16) == 0;
}

/* Returns the name that the mailbox has now; yours.  NULL means that it is gone. */
static char *
find_mailbox (SatchelTaken *taken, GError **error)
{
  const guint8 *id = taken->doubt.head.mailbox_id;
  if (is_mailbox (taken->store, taken->doubt.name, id))
    return g_strdup (taken->doubt.name);
  g_autoptr (GPtrArray) infos = satchel_store_list (taken->store, error);
  for (guint i = 0; infos != NULL && i < infos->len; i++)
    {
      const SatchelMailboxInfo *info = infos->pdata[i];
      if (info->is_selectable && is_mailbox (taken->store, info->name, id))
        return g_strdup (info->name);
    }
  return NULL;
}

static gboolean
is_of_batch (const TakenBatch *batch, const SatchelTakenId *id)
{
  for (guint i = 0; i < batch->head.n; i++)
    if (memcmp (&batch->ids[i], id, sizeof *id) == 0)
      return TRUE;
  return FALSE;
}

/* Says whether this message is one of the batch.  Content that only its user can read counts as one, so that
 * no message is imported twice. */
static gboolean
look_at (const TakenBatch *batch, SatchelMailbox *mailbox, guint32 uid, gboolean *ret_is, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (SatchelStream) content = satchel_mailbox_open_message (mailbox, uid, &local);
  *ret_is = g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_LOCKED);
  if (content == NULL)
    {
      const gboolean is_known = *ret_is || g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_GONE);
      if (!is_known)
        g_propagate_error (error, g_steal_pointer (&local));
      return is_known;
    }
  g_autofree guint8 *block = g_malloc (BLOCK_BYTES);
  GChecksum *hash = satchel_taken_hash_new (batch->name);
  gssize n = 0;
  for (guint64 offset = 0; (n = satchel_stream_read_at (content, offset, block, BLOCK_BYTES, error)) > 0;
       offset += (guint64) n)
    g_checksum_update (hash, block, n);
  const SatchelTakenId id = satchel_taken_hash_end (hash);
  *ret_is = n == 0 && is_of_batch (batch, &id);
  return n == 0;
}

gboolean
satchel_taken_settle (SatchelTaken *taken, gboolean *ret_is_there, GError **error)
{
  const TakenBatch *batch = &taken->doubt;
  g_autoptr (GError) local = NULL;
  g_autofree char *name = find_mailbox (taken, &local);
  *ret_is_there = FALSE;
  if (local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  g_autoptr (SatchelMailbox) mailbox =
      name != NULL ? satchel_store_open_mailbox (taken->store, name, error) : NULL;
  if (mailbox == NULL)
    return name == NULL;
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  guint32 index;
  satchel_snapshot_find (snapshot, batch->head.uidnext, &index);
  for (; index < snapshot->state.n_messages && !*ret_is_there; index++)
    {
      guint row;
      const SatchelChunk *chunk = satchel_snapshot_at (snapshot, index, &row);
      if (!look_at (batch, mailbox, chunk->uid[row], ret_is_there, error))
        return FALSE;
    }
  return TRUE;
}
