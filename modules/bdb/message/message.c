/* SPDX-License-Identifier: MIT
 * This file reads single messages: content, email id, POP3 unique id, and attributes.
 */
#include "config.h"

#include "driver.h"
#include "message/content.h"
#include "message/mailbox.h"

#include <string.h>

/* Reads the record of the block that has @uid; it stays empty if there is none. */
static gboolean
load_block (BdbStore *store, const BdbBox *box, guint32 uid, GByteArray *ret_record, GError **error)
{
  BdbKey key;
  gboolean is_found;
  bdb_key_of_block (&key, store->user, box->number, uid / BDB_BLOCK_MESSAGES);
  return bdb_get (store->volume, NULL, BDB_RECORDS, &key, ret_record, &is_found, error);
}

static gboolean
read_row (BdbStore *store, const BdbBox *box, const GByteArray *record, guint32 uid, BdbRow *ret_row,
          GError **error)
{
  gboolean is_found = record->len > 0;
  if (is_found && !bdb_block_read_row (record->data, record->len, uid, ret_row, &is_found))
    return satchel_error_set (
        error, SATCHEL_ERROR_CORRUPT,
        "the record of message %u of mailbox number %u of user number %u cannot be read", uid, box->number,
        store->user);
  return is_found || satchel_error_set (error, SATCHEL_ERROR_GONE, "there is no message %u", uid);
}

gboolean
bdb_find_row (BdbStore *store, const BdbBox *box, guint32 uid, BdbRow *ret_row, GError **error)
{
  g_autoptr (GByteArray) record = g_byte_array_new ();
  return load_block (store, box, uid, record, error) && read_row (store, box, record, uid, ret_row, error);
}

SatchelStream *
bdb_open_message (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                  guint32 uid, GError **error)
{
  BdbStore *store = storage->self;
  BdbRow row;
  if (!bdb_find_row (store, mailbox->driver, uid, &row, error))
    return NULL;
  for (;;)
    {
      const guint64 content = row.content;
      GError *failure = NULL;
      SatchelStream *stream = bdb_content_open (store, content, row.length, &failure);
      /* The content may have been removed, or exchanged, after the row was read and before it was pinned, so
       * the row is read again. */
      const gboolean is_there = bdb_find_row (store, mailbox->driver, uid, &row, error);
      if (is_there && row.content == content && stream == NULL)
        g_propagate_error (error, g_steal_pointer (&failure));
      g_clear_error (&failure);
      if (is_there && row.content == content)
        return stream;
      g_clear_pointer (&stream, satchel_stream_unref);
      if (!is_there)
        return NULL;
    }
}

/* Makes the email id of the user's seed and the number of the content, so that copies have the same one.  An
 * id that came with an import is recorded. */
gboolean
bdb_email_id (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
              guint32 uid, guint8 ret_id[16], GError **error)
{
  BdbStore *store = storage->self;
  BdbRow row;
  BdbKey key;
  gboolean is_found;
  g_autoptr (GByteArray) record = g_byte_array_new ();
  if (!bdb_find_row (store, mailbox->driver, uid, &row, error))
    return FALSE;
  bdb_key_begin (&key, store->user, BDB_KIND_IMPORTED);
  bdb_key_u64 (&key, row.content);
  if (!bdb_get (store->volume, NULL, BDB_RECORDS, &key, record, &is_found, error))
    return FALSE;
  guint64 halves[2] = { GUINT64_TO_BE (store->counters.seed), GUINT64_TO_BE (row.content) };
  memcpy (ret_id, is_found && record->len == 16 ? (gconstpointer) record->data : halves, 16);
  return TRUE;
}

gboolean
bdb_unique_ids (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                const guint32 *uids, guint n, char **ret, GError **error)
{
  BdbStore *store = storage->self;
  const BdbBox *box = mailbox->driver;
  g_autoptr (GByteArray) record = g_byte_array_new ();
  for (guint i = 0; i < n; i++)
    {
      BdbKey key;
      gboolean is_found;
      bdb_key_begin (&key, store->user, BDB_KIND_UID_UNIQUE);
      bdb_key_u32 (&key, box->number);
      bdb_key_u32 (&key, uids[i]);
      if (!bdb_get (store->volume, NULL, BDB_RECORDS, &key, record, &is_found, error))
        return FALSE;
      if (is_found)
        ret[i] = g_strndup ((const char *) record->data, record->len);
    }
  return TRUE;
}

/* ---- attributes ---- */

/* Attributes belong to the content, so copies share them. */
gboolean
bdb_get_attributes (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                    const guint32 *uids, guint n, GBytes **ret, SatchelErrorCode *ret_codes, GError **error)
{
  BdbStore *store = storage->self;
  const BdbBox *box = mailbox->driver;
  g_autoptr (GByteArray) block = g_byte_array_new (), buffer = g_byte_array_new ();
  for (guint i = 0; i < n; i++)
    {
      BdbRow row;
      GError *failure = NULL;
      gboolean is_same = i > 0 && uids[i] / BDB_BLOCK_MESSAGES == uids[i - 1] / BDB_BLOCK_MESSAGES;
      ret[i] = NULL;
      if ((is_same || load_block (store, box, uids[i], block, &failure))
          && read_row (store, box, block, uids[i], &row, &failure))
        ret[i] = bdb_content_get_attributes (store, row.content, buffer, &failure);
      if (failure != NULL && failure->code != SATCHEL_ERROR_GONE)
        {
          g_propagate_error (error, failure);
          return FALSE;
        }
      g_clear_error (&failure);
    }
  return TRUE;
}

typedef struct Put
{
  BdbStore *store;
  const BdbBox *box;
  const guint32 *uids;
  guint n;
  GBytes *const *attributes;
} Put;

static gboolean
save_attributes (BdbWrite *write, gpointer data, GError **error)
{
  const Put *put = data;
  g_autoptr (GByteArray) record = g_byte_array_new ();
  for (guint i = 0; i < put->n; i++)
    {
      BdbKey key;
      BdbRow row;
      gboolean is_found;
      bdb_key_of_block (&key, put->store->user, put->box->number, put->uids[i] / BDB_BLOCK_MESSAGES);
      if (!bdb_get (put->store->volume, write, BDB_RECORDS, &key, record, &is_found, error))
        return FALSE;
      if (is_found && bdb_block_read_row (record->data, record->len, put->uids[i], &row, &is_found)
          && is_found
          && !bdb_content_put_attributes (put->store, write, row.content, put->attributes[i], error))
        return FALSE;
    }
  return TRUE;
}

gboolean
bdb_put_attributes (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                    const guint32 *uids, guint n, GBytes *const *attributes, const guint64 *sizes,
                    GError **error)
{
  BdbStore *store = storage->self;
  Put put = { store, mailbox->driver, uids, n, attributes };
  return bdb_volume_check_space (store->volume, error)
         && bdb_write (store->volume, BDB_LATER, save_attributes, &put, error);
}
