/* SPDX-License-Identifier: MIT
 * This file removes all that a volume has of a user whose store nobody has open: contents first, then other
 * records, a few in each transaction, and last the record of the user's number.
 */
#include "config.h"

#include "body/body_notes.h"
#include "driver.h"
#include "format/record.h"
#include "store/store.h"

#include <string.h>
#include <sys/stat.h>

/* One transaction removes at most so many contents or records: other users of the volume wait for it. */
#define CONTENTS 64u
#define RECORDS 1024u

typedef struct Victim
{
  BdbVolume *volume;
  const char *path;
  guint32 user;
  BdbTable table; /* the table of the present slice */
  guint max, n_removed;
  GArray *bodies; /* guint64: contents of the present slice whose bodies are in files */
} Victim;

/* ---- bodies in files ---- */

static gboolean
note_body (const guint8 *key, guint key_len, const guint8 *value, guint value_len, gpointer data)
{
  GArray *bodies = data;
  if (key_len == BDB_KEY_HEAD + 8)
    {
      guint64 content = bdb_key_read_u64 (key + BDB_KEY_HEAD);
      g_array_append_val (bodies, content);
    }
  return bodies->len < CONTENTS;
}

static gboolean
erase_slice (BdbWrite *write, gpointer data, GError **error)
{
  const Victim *victim = data;
  g_autoptr (GByteArray) freed = g_byte_array_new ();
  for (guint i = 0; i < victim->bodies->len; i++)
    if (!bdb_content_erase (write, victim->user, g_array_index (victim->bodies, guint64, i), freed, error))
      return FALSE;
  return victim->bodies->len == 0
         || bdb_body_note_freed (write, victim->user, g_array_index (victim->bodies, guint64, 0), freed,
                                 error);
}

static gboolean
erase_bodies (Victim *victim, GError **error)
{
  BdbKey prefix;
  g_autoptr (GArray) bodies = g_array_new (FALSE, FALSE, sizeof (guint64));
  victim->bodies = bodies;
  bdb_key_begin (&prefix, victim->user, BDB_KIND_BODY);
  do
    {
      g_array_set_size (bodies, 0);
      if (!bdb_scan (victim->volume, NULL, BDB_RECORDS, &prefix, NULL, note_body, bodies, error)
          || !bdb_write (victim->volume, BDB_LATER, erase_slice, victim, error)
          || (bodies->len > 0 && !satchel_destroy_step (bodies->len, error)))
        return FALSE;
    }
  while (bodies->len == CONTENTS);
  return TRUE;
}

/* ---- what is in tables ---- */

static gboolean
remove_slice (BdbWrite *write, gpointer data, GError **error)
{
  Victim *victim = data;
  BdbKey prefix = { 0 };
  bdb_key_u32 (&prefix, victim->user);
  return bdb_remove_some (write, victim->table, &prefix, victim->max, &victim->n_removed, error);
}

static gboolean
empty_table (Victim *victim, BdbTable table, guint max, GError **error)
{
  victim->table = table;
  victim->max = max;
  do
    {
      if (!bdb_write (victim->volume, BDB_LATER, remove_slice, victim, error)
          || !satchel_destroy_step (victim->n_removed, error))
        return FALSE;
    }
  while (victim->n_removed == max);
  return TRUE;
}

static gboolean
forget_user (BdbWrite *write, gpointer data, GError **error)
{
  const Victim *victim = data;
  BdbKey key;
  bdb_key_of_user (&key, victim->path);
  return bdb_remove (write, BDB_RECORDS, &key, error);
}

static gboolean
destroy_user (Victim *victim, GError **error)
{
  return erase_bodies (victim, error) && empty_table (victim, BDB_CONTENT, CONTENTS, error)
         && empty_table (victim, BDB_RECORDS, RECORDS, error)
         && bdb_write (victim->volume, BDB_DURABLE, forget_user, victim, error);
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
  Victim victim = { .volume = volume, .path = identity->path, .user = bdb_reader_u32 (&reader) };
  return !reader.is_bad ? destroy_user (&victim, error)
                        : satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                                             "the record of user %s cannot be read", identity->path);
}
