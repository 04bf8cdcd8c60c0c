/* SPDX-License-Identifier: MIT
 * Removes all that a volume has of a user, whose store nobody has open: contents first, a few in each
 * transaction, then the records with the one by which the user is known.
 */
#include "config.h"

#include "driver.h"
#include "format/record.h"
#include "store/store.h"

#include <string.h>
#include <sys/stat.h>

#define SLICE 64u

typedef struct Victim
{
  BdbVolume *volume;
  const char *path;
  guint32 user;
  GArray *contents; /* guint64, of the present slice */
} Victim;

static gboolean
note_content (const guint8 *key, guint key_len, const guint8 *value, guint value_len, gpointer data)
{
  Victim *victim = data;
  if (key_len < 4 + 8)
    return TRUE;
  guint64 content = bdb_key_read_u64 (key + 4);
  guint n = victim->contents->len;
  if (n == 0 || g_array_index (victim->contents, guint64, n - 1) != content)
    g_array_append_val (victim->contents, content);
  return victim->contents->len < SLICE;
}

static gboolean
remove_contents (BdbWrite *write, gpointer data, GError **error)
{
  const Victim *victim = data;
  for (guint i = 0; i < victim->contents->len; i++)
    {
      BdbKey key;
      bdb_key_content (&key, victim->user, g_array_index (victim->contents, guint64, i));
      if (!bdb_remove_all (write, BDB_CONTENT, &key, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
remove_records (BdbWrite *write, gpointer data, GError **error)
{
  const Victim *victim = data;
  BdbKey prefix = { 0 }, key;
  bdb_key_u32 (&prefix, victim->user);
  bdb_key_of_user (&key, victim->path);
  return bdb_remove_all (write, BDB_RECORDS, &prefix, error) && bdb_remove (write, BDB_RECORDS, &key, error);
}

static gboolean
destroy_user (Victim *victim, GError **error)
{
  BdbKey prefix = { 0 };
  bdb_key_u32 (&prefix, victim->user);
  do
    {
      g_array_set_size (victim->contents, 0);
      if (!bdb_scan (victim->volume, NULL, BDB_CONTENT, &prefix, NULL, note_content, victim, error)
          || !bdb_write (victim->volume, BDB_LATER, remove_contents, victim, error))
        return FALSE;
    }
  while (victim->contents->len > 0);
  return bdb_write (victim->volume, BDB_DURABLE, remove_records, victim, error);
}

gboolean
bdb_destroy (const SatchelStorageIdentity *identity, const SatchelConfig *section, GError **error)
{
  BdbSettings settings;
  BdbKey key;
  struct stat st;
  gboolean is_found = FALSE;
  bdb_settings_fill (section, &settings);
  g_autofree char *home = bdb_volume_home (identity->root_fd, &settings, identity->volume);
  if (home != NULL && lstat (home, &st) != 0)
    return TRUE;
  g_autoptr (GByteArray) record = g_byte_array_new ();
  g_autoptr (BdbVolume) volume = bdb_volume_open (identity->root_fd, &settings, identity->volume, error);
  bdb_key_of_user (&key, identity->path);
  if (volume == NULL || !bdb_get (volume, NULL, BDB_RECORDS, &key, record, &is_found, error))
    return FALSE;
  if (!is_found)
    return TRUE;
  BdbReader reader = { record->data, record->len, FALSE };
  g_autoptr (GArray) contents = g_array_new (FALSE, FALSE, sizeof (guint64));
  Victim victim = { volume, identity->path, bdb_reader_u32 (&reader), contents };
  return !reader.is_bad ? destroy_user (&victim, error)
                        : satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                                             "the record of user %s cannot be read", identity->path);
}
