/* SPDX-License-Identifier: MIT
 * This file reads a store into memory, and makes the store of a new user.
 */
#include "config.h"

#include "format/record.h"
#include "store/load.h"

#include <satchel/hash.h>
#include <string.h>

#define USER_FORMAT 1u
#define CONTENTS_AHEAD 4096u

/* ---- counters ---- */

gboolean
bdb_store_save_counters (BdbStore *store, BdbWrite *write, GError **error)
{
  BdbKey key;
  g_autoptr (GByteArray) record = g_byte_array_new ();
  bdb_record_u8 (record, USER_FORMAT);
  bdb_record_u32 (record, store->counters.last_box);
  bdb_record_u32 (record, store->counters.last_uidvalidity);
  bdb_record_u64 (record, store->counters.modseq);
  bdb_record_u64 (record, store->counters.content_limit);
  bdb_record_u64 (record, store->counters.seed);
  bdb_key_begin (&key, store->user, BDB_KIND_USER);
  return bdb_put (write, BDB_RECORDS, &key, record->data, record->len, error);
}

static gboolean
load_counters (BdbStore *store, GError **error)
{
  BdbKey key;
  gboolean is_found;
  g_autoptr (GByteArray) record = g_byte_array_new ();
  bdb_key_begin (&key, store->user, BDB_KIND_USER);
  if (!bdb_get (store->volume, NULL, BDB_RECORDS, &key, record, &is_found, error))
    return FALSE;
  BdbReader reader = { record->data, record->len, FALSE };
  guint8 format = bdb_reader_u8 (&reader);
  store->counters.last_box = bdb_reader_u32 (&reader);
  store->counters.last_uidvalidity = bdb_reader_u32 (&reader);
  store->counters.modseq = bdb_reader_u64 (&reader);
  store->counters.content_limit = bdb_reader_u64 (&reader);
  store->counters.seed = bdb_reader_u64 (&reader);
  store->next_content = store->counters.content_limit;
  return (is_found && format == USER_FORMAT && !reader.is_bad)
         || satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "the counters of user number %u cannot be read",
                               store->user);
}

static gboolean
save_limit (BdbWrite *write, gpointer data, GError **error)
{
  return bdb_store_save_counters (data, write, error);
}

guint64
bdb_store_take_content (BdbStore *store, GError **error)
{
  g_mutex_lock (&store->lock);
  guint64 content = 0;
  gboolean ok = TRUE;
  if (store->next_content == store->counters.content_limit)
    {
      /* The lock stays held during the write, which is rare, since other threads may need a number at the
       * same time. */
      store->counters.content_limit += CONTENTS_AHEAD;
      ok = bdb_write (store->volume, BDB_LATER, save_limit, store, error);
      if (!ok)
        store->counters.content_limit -= CONTENTS_AHEAD;
    }
  if (ok)
    content = store->next_content++;
  g_mutex_unlock (&store->lock);
  return content;
}

/* ---- the user ---- */

typedef struct NewUser
{
  BdbStore *store;
  const char *path;
} NewUser;

static gboolean
save_inbox (BdbStore *store, BdbWrite *write, GError **error)
{
  BdbBox *inbox = bdb_box_make (store);
  gboolean ok = bdb_box_save_as_is (store, write, inbox, error)
                && bdb_store_save_name (store, write, "INBOX", inbox, error)
                && bdb_store_save_counters (store, write, error);
  bdb_box_unref (inbox);
  return ok;
}

static gboolean
make_user (BdbWrite *write, gpointer data, GError **error)
{
  NewUser *user = data;
  BdbStore *store = user->store;
  BdbKey key;
  gboolean is_found;
  g_autoptr (GByteArray) record = g_byte_array_new ();
  bdb_key_of_user (&key, NULL);
  if (!bdb_get (store->volume, write, BDB_RECORDS, &key, record, &is_found, error))
    return FALSE;
  BdbReader reader = { record->data, record->len, FALSE };
  store->user = (is_found ? bdb_reader_u32 (&reader) : 0) + 1;
  g_byte_array_set_size (record, 0);
  bdb_record_u32 (record, store->user);
  if (!bdb_put (write, BDB_RECORDS, &key, record->data, record->len, error))
    return FALSE;
  bdb_key_of_user (&key, user->path);
  store->counters = (BdbCounters) { .modseq = 1,
                                    .content_limit = 1,
                                    .seed = (guint64) g_random_int () << 32 | g_random_int () };
  return bdb_put (write, BDB_RECORDS, &key, record->data, record->len, error)
         && save_inbox (store, write, error);
}

gboolean
bdb_store_find_user (BdbStore *store, const char *path, GError **error)
{
  BdbKey key;
  gboolean is_found;
  g_autoptr (GByteArray) record = g_byte_array_new ();
  bdb_key_of_user (&key, path);
  if (!bdb_get (store->volume, NULL, BDB_RECORDS, &key, record, &is_found, error))
    return FALSE;
  if (!is_found)
    {
      NewUser user = { store, path };
      return bdb_volume_check_space (store->volume, error)
             && bdb_write (store->volume, BDB_DURABLE, make_user, &user, error);
    }
  BdbReader reader = { record->data, record->len, FALSE };
  store->user = bdb_reader_u32 (&reader);
  return !reader.is_bad
         || satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "the record of user %s cannot be read", path);
}

/* ---- mailboxes ---- */

typedef struct Load
{
  BdbStore *store;
  GHashTable *by_number;             /* number -> BdbBox */
  GHashTable *boxes, *subscriptions; /* the same tables as in BdbStore */
  gboolean is_bad;
} Load;

static gboolean
load_box (const guint8 *key, guint key_len, const guint8 *value, guint value_len, gpointer data)
{
  Load *load = data;
  BdbBox *box = bdb_box_new ();
  if (key_len == BDB_KEY_HEAD + 4 && bdb_box_read (box, value, value_len))
    {
      box->number = bdb_key_read_u32 (key + BDB_KEY_HEAD);
      load->store->counters.modseq = MAX (load->store->counters.modseq, box->state.highestmodseq);
      g_hash_table_insert (load->by_number, GUINT_TO_POINTER (box->number), box);
      return TRUE;
    }
  bdb_box_unref (box);
  load->is_bad = TRUE;
  return FALSE;
}

static gboolean
load_name (const guint8 *key, guint key_len, const guint8 *value, guint value_len, gpointer data)
{
  Load *load = data;
  BdbReader reader = { value, value_len, FALSE };
  BdbBox *box = g_hash_table_lookup (load->by_number, GUINT_TO_POINTER (bdb_reader_u32 (&reader)));
  load->is_bad |= box == NULL;
  if (box != NULL)
    g_hash_table_insert (load->boxes, g_strndup ((const char *) key + BDB_KEY_HEAD, key_len - BDB_KEY_HEAD),
                         bdb_box_ref (box));
  return !load->is_bad;
}

static gboolean
load_subscription (const guint8 *key, guint key_len, const guint8 *value, guint value_len, gpointer data)
{
  Load *load = data;
  g_hash_table_add (load->subscriptions,
                    g_strndup ((const char *) key + BDB_KEY_HEAD, key_len - BDB_KEY_HEAD));
  return TRUE;
}

static gboolean
load_sequence (const guint8 *key, guint key_len, const guint8 *value, guint value_len, gpointer data)
{
  Load *load = data;
  if (key_len == BDB_KEY_HEAD + 8)
    load->store->next_references = bdb_key_read_u64 (key + BDB_KEY_HEAD) + 1;
  return TRUE;
}

static gboolean
scan_kind (Load *load, BdbKind kind, BdbScanFunc func, GError **error)
{
  BdbKey prefix;
  bdb_key_begin (&prefix, load->store->user, kind);
  if (!bdb_scan (load->store->volume, NULL, BDB_RECORDS, &prefix, NULL, func, load, error))
    return FALSE;
  return !load->is_bad
         || satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                               "the mailboxes of user number %u cannot be read; `satchel fsck --save` saves "
                               "what can be saved",
                               load->store->user);
}

/* An open mailbox keeps its struct, which its handle points to, and gets what was read. */
static void
keep_open_boxes (Load *load)
{
  GHashTableIter iter, others;
  gpointer value, other;
  g_hash_table_iter_init (&iter, load->store->boxes);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      BdbBox *open = value;
      g_hash_table_iter_init (&others, load->boxes);
      while (open->handle != NULL && g_hash_table_iter_next (&others, NULL, &other))
        if (((BdbBox *) other)->number == open->number)
          {
            BdbBox *fresh = other;
            open->state = fresh->state;
            open->special_use = fresh->special_use;
            open->n_tombstones = fresh->n_tombstones;
            GPtrArray *keywords = g_steal_pointer (&open->keywords);
            open->keywords = g_steal_pointer (&fresh->keywords);
            fresh->keywords = keywords;
            g_hash_table_iter_replace (&others, bdb_box_ref (open));
            break;
          }
    }
}

gboolean
bdb_store_load (BdbStore *store, GHashTable **ret_before, GError **error)
{
  g_autoptr (GHashTable) by_number = g_hash_table_new_full (NULL, NULL, NULL, bdb_box_unref);
  g_autoptr (GHashTable) boxes =
      g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, bdb_box_unref);
  g_autoptr (GHashTable) subscriptions =
      g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  Load load = { store, by_number, boxes, subscriptions, FALSE };
  guint generation = bdb_volume_generation (store->volume);
  if (!load_counters (store, error) || !scan_kind (&load, BDB_KIND_MAILBOX, load_box, error)
      || !scan_kind (&load, BDB_KIND_NAME, load_name, error)
      || !scan_kind (&load, BDB_KIND_SUBSCRIPTION, load_subscription, error)
      || !scan_kind (&load, BDB_KIND_REFERENCES, load_sequence, error))
    return FALSE;
  g_mutex_lock (&store->lock);
  keep_open_boxes (&load);
  *ret_before = store->boxes;
  store->boxes = g_steal_pointer (&boxes);
  g_hash_table_unref (store->subscriptions);
  store->subscriptions = g_steal_pointer (&subscriptions);
  store->generation = generation;
  g_mutex_unlock (&store->lock);
  return TRUE;
}
