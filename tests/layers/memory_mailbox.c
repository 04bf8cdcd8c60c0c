/* SPDX-License-Identifier: MIT
 * Driver `memory`: mailboxes, content, attributes.  See memory.h.
 */
#include "memory.h"

#include <string.h>

#define TOMBSTONES_MAX 10000u

MemoryMessage *
memory_message_new (GBytes *content)
{
  MemoryMessage *message = g_new0 (MemoryMessage, 1);
  g_atomic_ref_count_init (&message->refs);
  message->content = g_bytes_ref (content);
  message->metadata = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
  for (guint i = 0; i < sizeof (message->email_id); i++)
    message->email_id[i] = (guint8) g_random_int_range (0, 256);
  return message;
}

MemoryMessage *
memory_message_copy (const MemoryMessage *message)
{
  MemoryMessage *copy = memory_message_new (message->content);
  GHashTableIter iter;
  gpointer key, value;
  memcpy (copy->email_id, message->email_id, sizeof (copy->email_id));
  copy->attributes = message->attributes != NULL ? g_bytes_ref (message->attributes) : NULL;
  g_hash_table_iter_init (&iter, message->metadata);
  while (g_hash_table_iter_next (&iter, &key, &value))
    g_hash_table_insert (copy->metadata, g_strdup (key), g_bytes_ref (value));
  return copy;
}

MemoryMessage *
memory_message_ref (MemoryMessage *message)
{
  g_atomic_ref_count_inc (&message->refs);
  return message;
}

void
memory_message_unref (gpointer data)
{
  MemoryMessage *message = data;
  if (!g_atomic_ref_count_dec (&message->refs))
    return;
  g_bytes_unref (message->content);
  g_clear_pointer (&message->attributes, g_bytes_unref);
  g_hash_table_unref (message->metadata);
  g_free (message->unique_id);
  g_free (message);
}

MemoryBox *
memory_box_new (MemoryUser *user)
{
  MemoryBox *box = g_new0 (MemoryBox, 1);
  g_atomic_ref_count_init (&box->refs);
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  user->last_uidvalidity = MAX (user->last_uidvalidity + 1, (guint32) now);
  SatchelMailboxState state = {
    .uidvalidity = user->last_uidvalidity,
    .uidnext = 1,
    .highestmodseq = user->modseq,
    .first_recent_uid = 1,
    .history_start = user->modseq,
  };
  for (guint i = 0; i < sizeof (state.mailbox_id); i++)
    state.mailbox_id[i] = (guint8) g_random_int_range (0, 256);
  box->snapshot = satchel_snapshot_builder_finish (satchel_snapshot_builder_new (NULL), &state);
  box->messages = g_hash_table_new_full (NULL, NULL, NULL, memory_message_unref);
  box->tombstones = g_array_new (FALSE, FALSE, sizeof (MemoryTombstone));
  return box;
}

MemoryBox *
memory_box_ref (MemoryBox *box)
{
  g_atomic_ref_count_inc (&box->refs);
  return box;
}

void
memory_box_unref (gpointer data)
{
  MemoryBox *box = data;
  if (!g_atomic_ref_count_dec (&box->refs))
    return;
  satchel_snapshot_unref (box->snapshot);
  g_hash_table_unref (box->messages);
  g_array_unref (box->tombstones);
  g_free (box);
}

void
memory_box_bury (MemoryBox *box, guint32 uid, guint64 modseq)
{
  g_array_append_val (box->tombstones, ((MemoryTombstone) { modseq, uid }));
}

void
memory_box_publish (MemoryBox *box, SatchelSnapshot *snapshot)
{
  guint n = box->tombstones->len;
  if (n > TOMBSTONES_MAX)
    {
      guint n_forgotten = n - TOMBSTONES_MAX;
      snapshot->state.history_start =
          g_array_index (box->tombstones, MemoryTombstone, n_forgotten - 1).modseq;
      g_array_remove_range (box->tombstones, 0, n_forgotten);
    }
  satchel_snapshot_unref (box->snapshot);
  box->snapshot = snapshot;
  if (box->handle != NULL)
    satchel_storage_mailbox_publish (box->handle, satchel_snapshot_ref (snapshot));
}

/* ---- handles ---- */

SatchelStorageMailbox *
memory_open_mailbox (SatchelStorage *storage, const SatchelAccess *access, const char *name, GError **error)
{
  MemoryUser *user = storage->self;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&user->lock);
  MemoryBox *box = g_hash_table_lookup (user->boxes, name);
  if (box == NULL)
    {
      satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "no such mailbox");
      return NULL;
    }
  SatchelStorageMailbox *mailbox = satchel_storage_mailbox_new (storage, name);
  mailbox->driver = memory_box_ref (box);
  box->handle = mailbox;
  satchel_storage_mailbox_publish (mailbox, satchel_snapshot_ref (box->snapshot));
  return mailbox;
}

void
memory_close_mailbox (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox)
{
  MemoryUser *user = storage->self;
  MemoryBox *box = mailbox->driver;
  g_mutex_lock (&user->lock);
  box->handle = NULL;
  g_mutex_unlock (&user->lock);
  memory_box_unref (box);
}

gboolean
memory_status (SatchelStorage *storage, const SatchelAccess *access, const char *name,
               SatchelMailboxState *ret_state, GError **error)
{
  MemoryUser *user = storage->self;
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&user->lock);
  MemoryBox *box = g_hash_table_lookup (user->boxes, name);
  if (box == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "no such mailbox");
  *ret_state = box->snapshot->state;
  return TRUE;
}

gboolean
memory_sync (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
             GError **error)
{
  return TRUE;
}

gboolean
memory_is_current (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox)
{
  return TRUE;
}

gboolean
memory_claim_recent (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                     guint32 upto_uid, guint32 *ret_first, GError **error)
{
  MemoryUser *user = storage->self;
  MemoryBox *box = mailbox->driver;
  g_mutex_lock (&user->lock);
  SatchelMailboxState state = box->snapshot->state;
  guint32 upto = MIN (upto_uid, state.uidnext);
  *ret_first = MIN (state.first_recent_uid, upto_uid);
  if (state.first_recent_uid < upto)
    {
      state.first_recent_uid = upto;
      memory_box_publish (
          box, satchel_snapshot_builder_finish (satchel_snapshot_builder_new (box->snapshot), &state));
    }
  g_mutex_unlock (&user->lock);
  return TRUE;
}

gboolean
memory_vanished (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                 guint64 modseq, SatchelUidSet *ret_uids, gboolean *ret_is_complete, GError **error)
{
  MemoryUser *user = storage->self;
  MemoryBox *box = mailbox->driver;
  g_mutex_lock (&user->lock);
  for (guint i = 0; i < box->tombstones->len; i++)
    {
      const MemoryTombstone *tombstone = &g_array_index (box->tombstones, MemoryTombstone, i);
      if (tombstone->modseq > modseq)
        satchel_uid_set_add (ret_uids, tombstone->uid, tombstone->uid);
    }
  *ret_is_complete = modseq >= box->snapshot->state.history_start;
  g_mutex_unlock (&user->lock);
  return TRUE;
}

/* ---- content ---- */

typedef struct MemoryWriter
{
  SatchelWriter writer;
  GByteArray *bytes;
  SatchelStaged *staged;
} MemoryWriter;

static gboolean
writer_write (SatchelWriter *writer, const void *data, gsize len, GError **error)
{
  g_byte_array_append (((MemoryWriter *) writer)->bytes, data, (guint) len);
  return TRUE;
}

static gboolean
writer_finish (SatchelWriter *writer, GError **error)
{
  MemoryWriter *memory = (MemoryWriter *) writer;
  memory->staged->driver = g_byte_array_free_to_bytes (g_steal_pointer (&memory->bytes));
  return TRUE;
}

static void
writer_free (SatchelWriter *writer)
{
  MemoryWriter *memory = (MemoryWriter *) writer;
  g_clear_pointer (&memory->bytes, g_byte_array_unref);
  g_free (memory);
}

SatchelWriter *
memory_stage (SatchelStorage *storage, const SatchelAccess *access, guint64 size_hint, SatchelStaged *staged,
              GError **error)
{
  static const SatchelWriterOps ops = {
    .size = sizeof (SatchelWriterOps),
    .write = writer_write,
    .finish = writer_finish,
    .free = writer_free,
  };
  MemoryWriter *writer = g_new0 (MemoryWriter, 1);
  writer->writer.ops = &ops;
  writer->bytes = g_byte_array_new ();
  writer->staged = staged;
  return &writer->writer;
}

void
memory_stage_drop (SatchelStorage *storage, const SatchelAccess *access, SatchelStaged *staged)
{
  g_clear_pointer (&staged->driver, g_bytes_unref);
}

/* A reference to the message, or NULL with GONE. */
static MemoryMessage *
find_message (SatchelStorage *storage, SatchelStorageMailbox *mailbox, guint32 uid, GError **error)
{
  MemoryUser *user = storage->self;
  MemoryBox *box = mailbox->driver;
  g_mutex_lock (&user->lock);
  MemoryMessage *message = g_hash_table_lookup (box->messages, GUINT_TO_POINTER (uid));
  if (message != NULL)
    memory_message_ref (message);
  g_mutex_unlock (&user->lock);
  if (message == NULL)
    satchel_error_set (error, SATCHEL_ERROR_GONE, "no message %u", uid);
  return message;
}

SatchelStream *
memory_open_message (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                     guint32 uid, GError **error)
{
  MemoryMessage *message = find_message (storage, mailbox, uid, error);
  if (message == NULL)
    return NULL;
  SatchelStream *stream = satchel_stream_new_bytes (message->content);
  memory_message_unref (message);
  return stream;
}

SatchelStream *
memory_peek_message (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                     guint32 uid)
{
  return memory_open_message (storage, access, mailbox, uid, NULL);
}

gboolean
memory_email_id (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                 guint32 uid, guint8 ret_id[16], GError **error)
{
  MemoryMessage *message = find_message (storage, mailbox, uid, error);
  if (message == NULL)
    return FALSE;
  memcpy (ret_id, message->email_id, sizeof (message->email_id));
  memory_message_unref (message);
  return TRUE;
}

/* Every second message has one, so that callers meet both. */
char *
memory_unique_id (const MemoryBox *box, guint32 uid, const MemoryMessage *message)
{
  if (message->unique_id != NULL)
    return g_strdup (message->unique_id);
  return uid % 2 == 0 ? g_strdup_printf ("memory-%u.%u", box->snapshot->state.uidvalidity, uid) : NULL;
}

gboolean
memory_unique_ids (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                   const guint32 *uids, guint n, char **ret, GError **error)
{
  MemoryUser *user = storage->self;
  MemoryBox *box = mailbox->driver;
  g_mutex_lock (&user->lock);
  for (guint i = 0; i < n; i++)
    {
      const MemoryMessage *message = g_hash_table_lookup (box->messages, GUINT_TO_POINTER (uids[i]));
      ret[i] = message != NULL ? memory_unique_id (box, uids[i], message) : NULL;
    }
  g_mutex_unlock (&user->lock);
  return TRUE;
}

/* ---- attributes and metadata ---- */

gboolean
memory_get_attributes (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                       const guint32 *uids, guint n, GBytes **ret, SatchelErrorCode *ret_codes,
                       GError **error)
{
  MemoryUser *user = storage->self;
  MemoryBox *box = mailbox->driver;
  g_mutex_lock (&user->lock);
  for (guint i = 0; i < n; i++)
    {
      MemoryMessage *message = g_hash_table_lookup (box->messages, GUINT_TO_POINTER (uids[i]));
      ret[i] = message != NULL && message->attributes != NULL ? g_bytes_ref (message->attributes) : NULL;
    }
  g_mutex_unlock (&user->lock);
  return TRUE;
}

static void
fill_size (MemoryBox *box, SatchelSnapshotBuilder *builder, guint32 uid, guint64 size)
{
  guint32 index;
  SatchelMessageRow row;
  if (!satchel_snapshot_find (box->snapshot, uid, &index))
    return;
  satchel_snapshot_builder_get (builder, index, &row);
  if (row.size != SATCHEL_SIZE_UNKNOWN)
    return;
  row.size = size;
  satchel_snapshot_builder_set (builder, index, &row);
}

gboolean
memory_put_attributes (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                       const guint32 *uids, guint n, GBytes *const *attributes, const guint64 *sizes,
                       GError **error)
{
  MemoryUser *user = storage->self;
  MemoryBox *box = mailbox->driver;
  g_mutex_lock (&user->lock);
  SatchelSnapshotBuilder *builder = satchel_snapshot_builder_new (box->snapshot);
  for (guint i = 0; i < n; i++)
    {
      MemoryMessage *message = g_hash_table_lookup (box->messages, GUINT_TO_POINTER (uids[i]));
      if (message == NULL)
        continue;
      g_clear_pointer (&message->attributes, g_bytes_unref);
      message->attributes = g_bytes_ref (attributes[i]);
      fill_size (box, builder, uids[i], sizes[i]);
    }
  memory_box_publish (box, satchel_snapshot_builder_finish (builder, &box->snapshot->state));
  g_mutex_unlock (&user->lock);
  return TRUE;
}

gboolean
memory_exchange (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                 const guint32 *uids, SatchelStaged *const *staged, guint n, GError **error)
{
  MemoryUser *user = storage->self;
  MemoryBox *box = mailbox->driver;
  g_mutex_lock (&user->lock);
  for (guint i = 0; i < n; i++)
    {
      MemoryMessage *message = g_hash_table_lookup (box->messages, GUINT_TO_POINTER (uids[i]));
      if (message == NULL)
        continue;
      g_bytes_unref (message->content);
      message->content = g_steal_pointer (&staged[i]->driver);
      g_clear_pointer (&message->attributes, g_bytes_unref);
      message->attributes = staged[i]->attributes != NULL ? g_bytes_ref (staged[i]->attributes) : NULL;
    }
  g_mutex_unlock (&user->lock);
  return TRUE;
}

gboolean
memory_get_metadata (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                     guint32 uid, const char *key, GBytes **ret, GError **error)
{
  MemoryUser *user = storage->self;
  MemoryMessage *message = find_message (storage, mailbox, uid, error);
  if (message == NULL)
    return FALSE;
  g_mutex_lock (&user->lock);
  GBytes *value = g_hash_table_lookup (message->metadata, key);
  *ret = value != NULL ? g_bytes_ref (value) : NULL;
  g_mutex_unlock (&user->lock);
  memory_message_unref (message);
  return TRUE;
}

gboolean
memory_put_metadata (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                     guint32 uid, const char *key, GBytes *value, GError **error)
{
  MemoryUser *user = storage->self;
  if (value != NULL && g_bytes_get_size (value) > SATCHEL_METADATA_BYTES)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "metadata of more than 1 KiB");
  MemoryMessage *message = find_message (storage, mailbox, uid, error);
  if (message == NULL)
    return FALSE;
  g_mutex_lock (&user->lock);
  if (value != NULL)
    g_hash_table_insert (message->metadata, g_strdup (key), g_bytes_ref (value));
  else
    g_hash_table_remove (message->metadata, key);
  g_mutex_unlock (&user->lock);
  memory_message_unref (message);
  return TRUE;
}

/* ---- usage ---- */

static void
add_usage (const SatchelSnapshot *snapshot, const SatchelUidSet *uids, SatchelUsage *usage)
{
  for (guint32 i = 0; i < snapshot->state.n_messages; i++)
    {
      guint at;
      const SatchelChunk *chunk = satchel_snapshot_at (snapshot, i, &at);
      if (uids != NULL && !satchel_uid_set_contains (uids, chunk->uid[at]))
        continue;
      usage->bytes += chunk->size[at];
      usage->messages++;
    }
}

gboolean
memory_usage (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
              const SatchelUidSet *uids, SatchelUsage *ret_usage, GError **error)
{
  MemoryUser *user = storage->self;
  GHashTableIter iter;
  gpointer box;
  SatchelUsage usage = { 0 };
  g_mutex_lock (&user->lock);
  if (mailbox != NULL)
    add_usage (((MemoryBox *) mailbox->driver)->snapshot, uids, &usage);
  else
    {
      g_hash_table_iter_init (&iter, user->boxes);
      while (g_hash_table_iter_next (&iter, NULL, &box))
        add_usage (((MemoryBox *) box)->snapshot, NULL, &usage);
    }
  g_mutex_unlock (&user->lock);
  *ret_usage = usage;
  return TRUE;
}
