/* SPDX-License-Identifier: MIT
 * Implements messages found by a search, sorted by the criteria of SORT (RFC 5256 3, RFC 5957): columns of
 * the snapshot, and keys that the mailbox keeps.
 */
#include "search/search.h"

#include <satchel/sort.h>

#define BATCH 1024u

/* Some messages of a search are read at once, for one criterion. */
typedef struct Batch
{
  ImapSession *session;
  ImapSearch *search;
  SatchelSorter *sorter;
  guint key;     /* the criterion's number */
  guint32 first; /* the batch's first item */
  guint n;
  guint32 indexes[BATCH], uids[BATCH]; /* their indexes in the view, and their UIDs */
  SatchelErrorCode codes[BATCH];
} Batch;

static void
set_text (guint index, const void *key, gsize len, gpointer data)
{
  const Batch *batch = data;
  satchel_sorter_set_text (batch->sorter, batch->first + index, batch->key, key, len);
}

/* Sets the Date, which stands in place of the internal date. */
static void
set_sent (guint index, const void *key, gsize len, gpointer data)
{
  const Batch *batch = data;
  gint64 time;
  if (satchel_key_sent (key, len, &time, NULL))
    satchel_sorter_set_number (batch->sorter, batch->first + index, batch->key, time);
}

static void
set_columns (const Batch *batch, gboolean is_size)
{
  for (guint i = 0; i < batch->n; i++)
    {
      guint row;
      const SatchelChunk *chunk = imap_search_row (batch->session, batch->search, batch->indexes[i], &row);
      gint64 number = is_size ? (gint64) chunk->size[row] : chunk->internal_date[row];
      if (is_size && chunk->size[row] == SATCHEL_SIZE_UNKNOWN)
        {
          GBytes *attributes = imap_search_attributes (batch->session, batch->search, batch->indexes[i]);
          number = attributes != NULL ? (gint64) satchel_attributes_size (attributes) : 0;
        }
      satchel_sorter_set_number (batch->sorter, batch->first + i, batch->key, number);
    }
}

static gboolean
read_keys (Batch *batch, SatchelKeyKind kind, SatchelKeyFunc func, GError **error)
{
  SatchelMailbox *mailbox = batch->session->view->mailbox;
  if (!satchel_mailbox_keys (mailbox, kind, batch->uids, batch->n, func, batch, batch->codes, error))
    return FALSE;
  imap_search_note_locked (batch->search, batch->codes, batch->n);
  return TRUE;
}

static gboolean
set_keys (Batch *batch, ImapSortKind sort, GError **error)
{
  SatchelKeyKind kind = SATCHEL_KEY_SUBJECT;
  switch (sort)
    {
    case IMAP_SORT_ARRIVAL:
    case IMAP_SORT_SIZE:
    case IMAP_N_SORTS:
      set_columns (batch, sort == IMAP_SORT_SIZE);
      return TRUE;
    case IMAP_SORT_DATE:
      set_columns (batch, FALSE);
      return read_keys (batch, SATCHEL_KEY_SENT, set_sent, error);
    case IMAP_SORT_SUBJECT:
      break;
    case IMAP_SORT_CC:
      kind = SATCHEL_KEY_CC;
      break;
    case IMAP_SORT_FROM:
      kind = SATCHEL_KEY_FROM;
      break;
    case IMAP_SORT_TO:
      kind = SATCHEL_KEY_TO;
      break;
    case IMAP_SORT_DISPLAYFROM:
      kind = SATCHEL_KEY_DISPLAY_FROM;
      break;
    case IMAP_SORT_DISPLAYTO:
      kind = SATCHEL_KEY_DISPLAY_TO;
      break;
    }
  return read_keys (batch, kind, set_text, error);
}

/* Adds a number to the last range if it follows that, so that ranges are ascending (RFC 5267 3.2). */
static void
add_number (GArray *ranges, guint32 number)
{
  SatchelRange *last = ranges->len > 0 ? &g_array_index (ranges, SatchelRange, ranges->len - 1) : NULL;
  if (last != NULL && last->last != G_MAXUINT32 && number == last->last + 1)
    {
      last->last = number;
      return;
    }
  SatchelRange range = { number, number };
  g_array_append_val (ranges, range);
}

gboolean
imap_result_set_sorted (ImapResult *result, ImapSession *session, const ImapCommand *command,
                        ImapSearch *search, GError **error)
{
  const ImapSearchArguments *arguments = command->arguments;
  guint32 n;
  g_autofree guint32 *rows = imap_search_list (search, &n);
  g_autoptr (SatchelSorter) sorter = satchel_sorter_new (n, arguments->n_sorts, arguments->reversed);
  g_autofree Batch *batch = g_new (Batch, 1);
  *batch = (Batch) { .session = session, .search = search, .sorter = sorter };
  for (batch->first = 0; batch->first < n; batch->first += batch->n)
    {
      if (imap_session_is_cancelled (session))
        return satchel_error_set (error, SATCHEL_ERROR_CANCELLED, "interrupted");
      batch->n = MIN (BATCH, n - batch->first);
      for (guint i = 0; i < batch->n; i++)
        {
          batch->indexes[i] = rows[batch->first + i] - 1;
          batch->uids[i] = imap_search_uid (session, batch->indexes[i]);
        }
      for (batch->key = 0; batch->key < arguments->n_sorts; batch->key++)
        if (!set_keys (batch, arguments->sorts[batch->key], error))
          return FALSE;
    }
  g_autofree guint32 *order = satchel_sorter_finish (sorter);
  g_autoptr (GArray) ranges = g_array_new (FALSE, FALSE, sizeof (SatchelRange));
  gboolean is_uid = (command->row->flags & IMAP_COMMAND_UID) != 0;
  for (guint32 i = 0; i < n; i++)
    {
      guint32 sequence = rows[order[i]];
      add_number (ranges, is_uid ? imap_search_uid (session, sequence - 1) : sequence);
    }
  result->n_ranges = ranges->len;
  result->ranges = (SatchelRange *) (gpointer) g_array_free (g_steal_pointer (&ranges), FALSE);
  return TRUE;
}
