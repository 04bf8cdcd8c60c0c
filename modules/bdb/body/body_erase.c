/* SPDX-License-Identifier: MIT
 * This file erases contents.  The room of a body must not be given back before it is durable that nobody uses
 * it, so it is noted in the transaction that erases the content.
 */
#include "config.h"

#include "body/body_notes.h"
#include "format/record.h"

static void
add_freed (BdbBodyPlace place, guint length, gpointer data)
{
  bdb_record_u32 (data, place.file);
  bdb_record_u64 (data, place.offset);
  bdb_record_u32 (data, length);
}

static gboolean
erase_body (BdbWrite *write, guint32 user, guint64 content, GByteArray *freed, GError **error)
{
  BdbKey key;
  gboolean is_found;
  guint64 length;
  g_autoptr (GByteArray) record = g_byte_array_new ();
  bdb_key_begin (&key, user, BDB_KIND_BODY);
  bdb_key_u64 (&key, content);
  if (!bdb_get (write->volume, write, BDB_RECORDS, &key, record, &is_found, error))
    return FALSE;
  if (!is_found)
    return TRUE;
  if (bdb_body_record_length (record->data, record->len, &length))
    bdb_body_record_extents (record->data, record->len, add_freed, freed);
  return bdb_remove (write, BDB_RECORDS, &key, error);
}

gboolean
bdb_content_erase (BdbWrite *write, guint32 user, guint64 content, GByteArray *freed, GError **error)
{
  BdbKey key;
  bdb_key_content (&key, user, content);
  return erase_body (write, user, content, freed, error) && bdb_remove_all (write, BDB_CONTENT, &key, error);
}

gboolean
bdb_body_note_freed (BdbWrite *write, guint32 user, guint64 content, const GByteArray *freed, GError **error)
{
  BdbKey key;
  if (freed->len == 0)
    return TRUE;
  bdb_key_begin (&key, 0, BDB_KIND_FREED);
  bdb_key_u32 (&key, user);
  bdb_key_u64 (&key, content);
  return bdb_put (write, BDB_RECORDS, &key, freed->data, freed->len, error);
}
