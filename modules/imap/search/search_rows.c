/* SPDX-License-Identifier: MIT
 * The messages of a search: their newest columns and UIDs, their attributes, read in batches, and those that
 * were found.
 */
#include "search/search.h"

void
imap_search_clear_batch (ImapSearch *search)
{
  for (guint i = 0; i < search->n_batch; i++)
    g_clear_pointer (&search->batch_attributes[i], g_bytes_unref);
  search->n_batch = 0;
}

void
imap_search_free (ImapSearch *search)
{
  imap_search_clear_batch (search);
  g_clear_pointer (&search->snapshot, satchel_snapshot_unref);
  satchel_uid_set_clear (&search->rows);
  g_free (search);
}

GBytes *
imap_search_attributes (ImapSession *session, ImapSearch *search, guint32 index)
{
  if (search->n_batch == 0 || index < search->batch_start || index >= search->batch_start + search->n_batch)
    {
      const SatchelSnapshot *view = session->view->snapshot;
      imap_search_clear_batch (search);
      search->batch_start = index;
      for (guint32 i = index; i < view->state.n_messages && search->n_batch < IMAP_SEARCH_BATCH; i++)
        {
          guint row;
          const SatchelChunk *chunk = satchel_snapshot_at (view, i, &row);
          search->batch_uids[search->n_batch++] = chunk->uid[row];
        }
      g_autoptr (GError) error = NULL;
      if (!satchel_mailbox_attributes (session->view->mailbox, search->batch_uids, search->n_batch,
                                       search->batch_attributes, search->batch_codes, &error)
          && !g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_LOCKED) && satchel_error_is_news (error))
        satchel_session_log (session->session, SATCHEL_LOG_ERROR, "SEARCH: %s", error->message);
    }
  guint at = index - search->batch_start;
  imap_search_note_locked (search, &search->batch_codes[at], 1);
  return search->batch_attributes[at];
}

void
imap_search_note_locked (ImapSearch *search, const SatchelErrorCode *codes, guint n)
{
  for (guint i = 0; i < n; i++)
    search->has_locked = search->has_locked || codes[i] == SATCHEL_ERROR_LOCKED;
}

const SatchelChunk *
imap_search_row (const ImapSession *session, const ImapSearch *search, guint32 index, guint *ret_row)
{
  const SatchelChunk *chunk = satchel_snapshot_at (session->view->snapshot, index, ret_row);
  if (search->snapshot != session->view->snapshot
      && satchel_snapshot_find (search->snapshot, chunk->uid[*ret_row], &index))
    chunk = satchel_snapshot_at (search->snapshot, index, ret_row);
  return chunk;
}

guint32
imap_search_uid (const ImapSession *session, guint32 index)
{
  guint row;
  const SatchelChunk *chunk = satchel_snapshot_at (session->view->snapshot, index, &row);
  return chunk->uid[row];
}

guint32 *
imap_search_list (const ImapSearch *search, guint32 *ret_n)
{
  guint32 n = (guint32) satchel_uid_set_count (&search->rows), at = 0, *list = g_new (guint32, n + 1);
  for (guint i = 0; i < search->rows.n_ranges; i++)
    for (guint64 row = search->rows.ranges[i].first; row <= search->rows.ranges[i].last; row++)
      list[at++] = (guint32) row;
  *ret_n = n;
  return list;
}
