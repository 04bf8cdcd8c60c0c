/* SPDX-License-Identifier: MIT
 * Attributes that were opened.  One lock is for all stores, since one bound is.
 */
#include "opened.h"

#include <satchel/hash.h>
#include <string.h>

/* Most bytes of the process. */
#define ALL_MAX (32u << 20)

/* Which message it is. */
typedef struct Key
{
  guint8 mailbox_id[16];
  guint32 uidvalidity, uid;
} Key;

typedef struct Entry
{
  Key key;
  guint8 key_id[CRYPT_KEY_ID_BYTES];
  GBytes *attributes;
  CryptOpened *of;
  GList used; /* in `all` */
} Entry;

struct CryptOpened
{
  GHashTable *entries; /* Entry, by its key */
  gboolean is_kept;
};

static GMutex lock;               /* guards all that is kept, of any store */
static GQueue all = G_QUEUE_INIT; /* Entry; the one that was used last is the first */
static gsize all_bytes;

static guint
hash_key (gconstpointer key)
{
  return (guint) satchel_keyed_hash (key, sizeof (Key));
}

static gboolean
is_same_key (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, sizeof (Key)) == 0;
}

static gsize
entry_bytes (const Entry *entry)
{
  return sizeof *entry + g_bytes_get_size (entry->attributes);
}

/* Called by the table. */
static void
entry_free (gpointer data)
{
  Entry *entry = data;
  g_queue_unlink (&all, &entry->used);
  all_bytes -= entry_bytes (entry);
  g_bytes_unref (entry->attributes);
  g_free (entry);
}

CryptOpened *
crypt_opened_new (void)
{
  CryptOpened *opened = g_new0 (CryptOpened, 1);
  opened->entries = g_hash_table_new_full (hash_key, is_same_key, NULL, entry_free);
  return opened;
}

void
crypt_opened_free (CryptOpened *opened)
{
  g_mutex_lock (&lock);
  g_hash_table_unref (opened->entries);
  g_mutex_unlock (&lock);
  g_free (opened);
}

void
crypt_opened_begin (CryptOpened *opened)
{
  g_mutex_lock (&lock);
  opened->is_kept = TRUE;
  g_mutex_unlock (&lock);
}

void
crypt_opened_end (CryptOpened *opened, gboolean is_last)
{
  g_mutex_lock (&lock);
  g_hash_table_remove_all (opened->entries);
  if (is_last)
    opened->is_kept = FALSE;
  g_mutex_unlock (&lock);
}

/* Fills all of a key but the UID. */
static void
begin_key (Key *key, SatchelStorageMailbox *mailbox)
{
  g_autoptr (SatchelSnapshot) snapshot = satchel_storage_mailbox_snapshot (mailbox);
  memset (key, 0, sizeof *key);
  memcpy (key->mailbox_id, snapshot->state.mailbox_id, sizeof key->mailbox_id);
  key->uidvalidity = snapshot->state.uidvalidity;
}

guint
crypt_opened_find (CryptOpened *opened, SatchelStorageMailbox *mailbox, const guint32 *uids, guint n,
                   const CryptKeys *keys, GBytes **ret)
{
  Key key;
  guint n_found = 0;
  begin_key (&key, mailbox);
  g_mutex_lock (&lock);
  for (guint i = 0; i < n && g_hash_table_size (opened->entries) > 0; i++)
    {
      key.uid = uids[i];
      Entry *entry = g_hash_table_lookup (opened->entries, &key);
      if (entry == NULL || crypt_keys_find (keys, entry->key_id) == NULL)
        continue;
      g_queue_unlink (&all, &entry->used);
      g_queue_push_head_link (&all, &entry->used);
      ret[i] = g_bytes_ref (entry->attributes);
      n_found++;
    }
  g_mutex_unlock (&lock);
  return n_found;
}

static void
make_room (void)
{
  while (all_bytes > ALL_MAX)
    {
      const Entry *oldest = g_queue_peek_tail (&all);
      g_hash_table_remove (oldest->of->entries, &oldest->key);
    }
}

void
crypt_opened_keep (CryptOpened *opened, SatchelStorageMailbox *mailbox, guint32 uid,
                   const guint8 key_id[CRYPT_KEY_ID_BYTES], GBytes *attributes)
{
  Entry *entry = g_new0 (Entry, 1);
  begin_key (&entry->key, mailbox);
  entry->key.uid = uid;
  memcpy (entry->key_id, key_id, CRYPT_KEY_ID_BYTES);
  entry->attributes = g_bytes_ref (attributes);
  entry->of = opened;
  entry->used.data = entry;
  g_mutex_lock (&lock);
  g_queue_push_head_link (&all, &entry->used);
  all_bytes += entry_bytes (entry);
  if (opened->is_kept)
    {
      g_hash_table_replace (opened->entries, &entry->key, entry);
      make_room ();
    }
  else
    entry_free (entry);
  g_mutex_unlock (&lock);
}

void
crypt_opened_forget (CryptOpened *opened, SatchelStorageMailbox *mailbox, const guint32 *uids, guint n)
{
  Key key;
  begin_key (&key, mailbox);
  g_mutex_lock (&lock);
  for (guint i = 0; i < n; i++)
    {
      key.uid = uids[i];
      g_hash_table_remove (opened->entries, &key);
    }
  g_mutex_unlock (&lock);
}
