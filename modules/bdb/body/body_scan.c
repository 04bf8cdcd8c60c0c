/* SPDX-License-Identifier: MIT
 * This file goes through the records of all bodies that lie in body files, user by user.
 */
#include "config.h"

#include "body/body_notes.h"
#include "format/record.h"

typedef struct Scan
{
  GArray *users; /* guint32 */
  guint32 user;
  BdbBodyFunc func;
  gpointer data;
  gboolean is_over;
} Scan;

static gboolean
note_user (const guint8 *key, guint key_len, const guint8 *value, guint value_len, gpointer data)
{
  BdbReader reader = { value, value_len, FALSE };
  guint32 user = bdb_reader_u32 (&reader);
  /* the key without a name is that of the last number that was given to a user */
  if (key_len > BDB_KEY_HEAD && !reader.is_bad)
    g_array_append_val ((GArray *) data, user);
  return TRUE;
}

static gboolean
tell_body (const guint8 *key, guint key_len, const guint8 *value, guint value_len, gpointer data)
{
  Scan *scan = data;
  if (key_len == BDB_KEY_HEAD + 8
      && !scan->func (scan->user, bdb_key_read_u64 (key + BDB_KEY_HEAD), value, value_len, scan->data))
    scan->is_over = TRUE;
  return !scan->is_over;
}

gboolean
bdb_body_scan (BdbVolume *volume, BdbBodyFunc func, gpointer data, GError **error)
{
  BdbKey key;
  g_autoptr (GArray) users = g_array_new (FALSE, FALSE, sizeof (guint32));
  Scan scan = { .users = users, .func = func, .data = data };
  bdb_key_of_user (&key, NULL);
  if (!bdb_scan (volume, NULL, BDB_RECORDS, &key, NULL, note_user, users, error))
    return FALSE;
  for (guint i = 0; i < users->len && !scan.is_over; i++)
    {
      scan.user = g_array_index (users, guint32, i);
      bdb_key_begin (&key, scan.user, BDB_KIND_BODY);
      if (!bdb_scan (volume, NULL, BDB_RECORDS, &key, NULL, tell_body, &scan, error))
        return FALSE;
    }
  return TRUE;
}
