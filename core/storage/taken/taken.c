/* SPDX-License-Identifier: MIT
 * This file keeps the record of what was imported: its file, its batches, and the ids in memory.
 */
#include "config.h"

#include "core/storage/taken/taken_private.h"

#include <string.h>

#include "core/storage/store/store_private.h"

#define FILE_NAME "import"
#define RECORD_MAX (64u * 1024u * 1024u)
#define READ_BYTES (1024u * 1024u)

static guint64
checksum_of (const guint8 *data, gsize len)
{
  guint8 digest[32];
  gsize digest_len = sizeof digest;
  guint64 sum;
  g_autoptr (GChecksum) hash = g_checksum_new (G_CHECKSUM_SHA256);
  g_checksum_update (hash, data, (gssize) len);
  g_checksum_get_digest (hash, digest, &digest_len);
  memcpy (&sum, digest, sizeof sum);
  return sum;
}

static void
add_ids (SatchelTaken *taken, const SatchelTakenId *ids, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      const TakenEntry entry = { ids[i], FALSE };
      g_array_append_val (taken->entries, entry);
    }
}

/* Takes the next batch from @data.  Returns its length; 0 means that it is not whole. */
static gsize
take_batch (SatchelTaken *taken, const guint8 *data, gsize len)
{
  BatchHead head;
  if (len < sizeof head)
    return 0;
  memcpy (&head, data, sizeof head);
  if (head.magic != BATCH_MAGIC || head.n == 0 || head.n > SATCHEL_TAKEN_BATCH_MAX || head.name_len == 0
      || head.name_len > SATCHEL_TAKEN_NAME_MAX)
    return 0;
  const gsize body = head.name_len + (gsize) head.n * sizeof (SatchelTakenId);
  if (len - sizeof head < body)
    return 0;
  const guint64 sum = head.checksum;
  g_autofree guint8 *copy = g_memdup2 (data, sizeof head + body);
  memset (copy + offsetof (BatchHead, checksum), 0, sizeof head.checksum);
  if (checksum_of (copy, sizeof head + body) != sum)
    return 0;
  g_free (taken->doubt.name);
  taken->doubt =
      (TakenBatch) { .head = head, .name = g_strndup ((const char *) data + sizeof head, head.name_len) };
  memcpy (taken->doubt.ids, data + sizeof head + head.name_len, head.n * sizeof (SatchelTakenId));
  taken->has_doubt = TRUE;
  return sizeof head + body;
}

/* Parses the record.  Bytes behind the last whole batch are those of a write that did not end, and do not
 * count. */
static void
parse (SatchelTaken *taken, const guint8 *data, gsize len)
{
  gsize at = 0;
  for (;;)
    {
      guint32 mark;
      taken->end = taken->has_doubt ? taken->doubt_start : at;
      if (len - at >= sizeof mark && taken->has_doubt
          && (memcpy (&mark, data + at, sizeof mark), mark == DONE_MAGIC))
        {
          add_ids (taken, taken->doubt.ids, taken->doubt.head.n);
          taken->has_doubt = FALSE;
          at += sizeof mark;
          continue;
        }
      if (taken->has_doubt)
        return;
      const gsize used = take_batch (taken, data + at, len - at);
      if (used == 0)
        return;
      taken->doubt_start = at;
      at += used;
      taken->doubt_end = at;
    }
}

static int
compare_entries (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, sizeof (SatchelTakenId));
}

static GByteArray *
read_record (SatchelStore *store, GError **error)
{
  g_autoptr (GByteArray) data = g_byte_array_new ();
  for (gsize before = 0; before <= RECORD_MAX; before = data->len)
    {
      if (!satchel_storage_read_file (SATCHEL_STACK (store), FILE_NAME, before, READ_BYTES, data, error))
        return NULL;
      if (data->len == before)
        return g_steal_pointer (&data);
    }
  satchel_error_set (error, SATCHEL_ERROR_LIMIT, "the record of what was imported is too long");
  return NULL;
}

static gboolean
write_record (SatchelStore *store, guint64 offset, const void *data, gsize len, SatchelFileWrite how,
              GError **error)
{
  g_autoptr (GBytes) bytes = g_bytes_new (data, len);
  return satchel_storage_write_file (SATCHEL_STACK (store), FILE_NAME, offset, bytes, how, error);
}

SatchelTaken *
satchel_taken_open (SatchelStore *store, gboolean forgets, GError **error)
{
  g_autoptr (SatchelTaken) taken = g_new0 (SatchelTaken, 1);
  taken->store = satchel_store_ref (store);
  taken->entries = g_array_new (FALSE, FALSE, sizeof (TakenEntry));
  if (forgets && !write_record (store, 0, "", 0, SATCHEL_FILE_REPLACE_SYNC, error))
    return NULL;
  g_autoptr (GByteArray) data = read_record (store, error);
  if (data == NULL)
    return NULL;
  parse (taken, data->data, data->len);
  gboolean is_there = FALSE;
  if (taken->has_doubt && !satchel_taken_settle (taken, &is_there, error))
    return NULL;
  if (taken->has_doubt && is_there)
    {
      add_ids (taken, taken->doubt.ids, taken->doubt.head.n);
      taken->end = taken->doubt_end;
      taken->is_done = TRUE;
    }
  taken->has_doubt = FALSE;
  taken->n_before = taken->entries->len;
  g_array_sort (taken->entries, compare_entries);
  return g_steal_pointer (&taken);
}

void
satchel_taken_free (SatchelTaken *taken)
{
  g_free (taken->doubt.name);
  g_array_unref (taken->entries);
  satchel_store_unref (taken->store);
  g_free (taken);
}

gboolean
satchel_taken_is_empty (const SatchelTaken *taken)
{
  return taken->n_before == 0;
}

gboolean
satchel_taken_use (SatchelTaken *taken, const SatchelTakenId *id)
{
  guint low = 0, high = taken->entries->len;
  while (low < high)
    {
      const guint middle = low + (high - low) / 2;
      if (memcmp (&g_array_index (taken->entries, TakenEntry, middle).id, id, sizeof *id) < 0)
        low = middle + 1;
      else
        high = middle;
    }
  /* The first of several equal entries says how many of them are used up. */
  TakenEntry *first = low < taken->entries->len ? &g_array_index (taken->entries, TakenEntry, low) : NULL;
  if (first == NULL || memcmp (&first->id, id, sizeof *id) != 0)
    return FALSE;
  const guint next = low + first->n_used;
  if (next >= taken->entries->len
      || memcmp (&g_array_index (taken->entries, TakenEntry, next).id, id, sizeof *id) != 0)
    return FALSE;
  first->n_used++;
  return TRUE;
}

gboolean
satchel_taken_begin (SatchelTaken *taken, const char *mailbox, const SatchelMailboxState *state,
                     const SatchelTakenId *ids, guint n, GError **error)
{
  const guint32 done = DONE_MAGIC;
  g_autoptr (GByteArray) data = g_byte_array_new ();
  BatchHead head = {
    .magic = BATCH_MAGIC, .n = n, .uidnext = state->uidnext, .name_len = (guint32) strlen (mailbox)
  };
  memcpy (head.mailbox_id, state->mailbox_id, sizeof head.mailbox_id);
  if (taken->is_done)
    g_byte_array_append (data, (const guint8 *) &done, sizeof done);
  const guint start = data->len;
  g_byte_array_append (data, (const guint8 *) &head, sizeof head);
  g_byte_array_append (data, (const guint8 *) mailbox, head.name_len);
  g_byte_array_append (data, (const guint8 *) ids, n * (guint) sizeof *ids);
  head.checksum = checksum_of (data->data + start, data->len - start);
  memcpy (data->data + start, &head, sizeof head);
  if (taken->end + data->len > RECORD_MAX)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT,
                              "the record of what was imported is full; --again begins a new one");
  if (!write_record (taken->store, taken->end, data->data, data->len, SATCHEL_FILE_SYNC, error))
    return FALSE;
  taken->end += start; /* if committing the batch fails, the next one is written over it */
  taken->is_done = FALSE;
  taken->doubt_end = taken->end + (data->len - start);
  return TRUE;
}

void
satchel_taken_end (SatchelTaken *taken, gboolean is_done)
{
  if (is_done)
    taken->end = taken->doubt_end;
  taken->is_done = is_done;
}

gboolean
satchel_taken_finish (SatchelTaken *taken, GError **error)
{
  const guint32 done = DONE_MAGIC;
  if (!taken->is_done)
    return TRUE;
  if (!write_record (taken->store, taken->end, &done, sizeof done, SATCHEL_FILE_SYNC, error))
    return FALSE;
  taken->end += sizeof done;
  taken->is_done = FALSE;
  return TRUE;
}

gboolean
satchel_taken_copy (SatchelStore *from, SatchelStore *to, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (GByteArray) data = read_record (from, &local);
  if (data == NULL && !g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  return data == NULL || data->len == 0
         || write_record (to, 0, data->data, data->len, SATCHEL_FILE_REPLACE_SYNC, error);
}
