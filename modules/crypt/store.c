/* SPDX-License-Identifier: MIT
 * What the layer knows of one store.  How mail is to lie on the disk comes from auth with each login and
 * delivery, as an attribute of the user; a blob beside the mail has it for those that come without
 * attributes, so that what was sealed once is never followed by mail in clear.
 */
#include "store.h"
#include "delivered.h"

#include <satchel/hash.h>
#include <satchel/log.h>
#include <sodium.h>
#include <string.h>

#define BLOB "public"
#define MESSAGES_MAX 50000u
#define WAIT_US 200000

/* A key that somebody has the store open with; @keys NULL: it is of something else. */
typedef struct Attached
{
  GBytes *secret;
  CryptKeys *keys;
} Attached;

typedef struct Message
{
  guint8 mailbox_id[16];
  guint32 uid;
  CryptKnown known;
} Message;

/* Contents that are staged in one form, and stored in no mailbox yet. */
typedef struct Pending
{
  guint8 id[CRYPT_KEY_ID_BYTES]; /* crypt_state_id */
  guint n;
} Pending;

struct CryptStore
{
  GMutex lock;          /* guards all that follows */
  GArray *attached;     /* Attached */
  GHashTable *messages; /* Message, which is its own key */
  CryptShared shared;   /* of one of those who have the store open */
  CryptOpened *opened;
  gboolean is_blob_read;
  char *stored; /* what the blob says (state.h); NULL: there is none */
  char *parsed; /* what was parsed last, each message asks for it; or NULL */
  CryptState parsed_state;
  gboolean is_stored_told; /* auth said it to this process */
  GBytes *copy;            /* what crypt_store_is_news was asked of last, or NULL */
  GArray *pending;         /* Pending */
  GMutex exchange;         /* held while contents are exchanged, inside of a turn */
  GCond work_ended;
  gboolean is_at_work;
  gint has_come; /* crypt_store_is_first; atomic */
  gint64 due_us;
  guint exchanges; /* grows when an exchange begins, and when it ends; atomic */
};

static guint
hash_message (gconstpointer key)
{
  return (guint) satchel_keyed_hash (key, G_STRUCT_OFFSET (Message, known));
}

static gboolean
is_same_message (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, G_STRUCT_OFFSET (Message, known)) == 0;
}

static void
message_free (gpointer data)
{
  sodium_memzero (data, sizeof (Message));
  g_free (data);
}

static void
attached_clear (gpointer data)
{
  Attached *attached = data;
  g_bytes_unref (attached->secret);
  if (attached->keys != NULL)
    crypt_keys_unref (attached->keys);
}

CryptStore *
crypt_store_new (void)
{
  CryptStore *store = g_new0 (CryptStore, 1);
  g_mutex_init (&store->lock);
  store->attached = g_array_new (FALSE, FALSE, sizeof (Attached));
  g_array_set_clear_func (store->attached, attached_clear);
  store->messages = g_hash_table_new_full (hash_message, is_same_message, message_free, NULL);
  store->opened = crypt_opened_new ();
  store->pending = g_array_new (FALSE, FALSE, sizeof (Pending));
  g_mutex_init (&store->exchange);
  g_cond_init (&store->work_ended);
  return store;
}

void
crypt_store_free (CryptStore *store)
{
  g_array_unref (store->attached);
  g_hash_table_unref (store->messages);
  crypt_shared_clear (&store->shared);
  crypt_opened_free (store->opened);
  g_array_unref (store->pending);
  g_mutex_clear (&store->exchange);
  g_cond_clear (&store->work_ended);
  g_clear_pointer (&store->copy, g_bytes_unref);
  g_mutex_clear (&store->lock);
  g_free (store->stored);
  g_free (store->parsed);
  g_free (store);
}

/* ---- keys ---- */

/* Returns the place of a key, or -1.  The caller holds the lock. */
static int
find_attached (const CryptStore *store, GBytes *secret)
{
  for (guint i = 0; i < store->attached->len; i++)
    {
      GBytes *there = g_array_index (store->attached, Attached, i).secret;
      if (there == secret || satchel_secret_equal (there, secret))
        return (int) i;
    }
  return -1;
}

void
crypt_store_attach (CryptStore *store, const SatchelAccess *access)
{
  Attached attached = { g_bytes_ref (access->key), crypt_keys_new (access->key) };
  g_mutex_lock (&store->lock);
  g_array_append_val (store->attached, attached);
  g_mutex_unlock (&store->lock);
  crypt_opened_begin (store->opened);
}

void
crypt_store_detach (CryptStore *store, const SatchelAccess *access)
{
  g_mutex_lock (&store->lock);
  int at = find_attached (store, access->key);
  if (at >= 0)
    g_array_remove_index_fast (store->attached, (guint) at);
  const gboolean was_last = store->attached->len == 0;
  if (was_last)
    g_hash_table_remove_all (store->messages);
  /* These may be of the key that goes. */
  crypt_shared_clear (&store->shared);
  crypt_opened_end (store->opened, was_last);
  g_mutex_unlock (&store->lock);
}

void
crypt_store_make_header (CryptStore *store, const CryptKeys *keys, const CryptPublic *half,
                         CryptHeader *header, guint8 ret_key[CRYPT_KEY_BYTES])
{
  const CryptSuite suite = crypt_suite_here ();
  gboolean is_shared = FALSE;
  g_mutex_lock (&store->lock);
  if (store->attached->len > 0 && crypt_keys_find (keys, half->id) != NULL)
    {
      if (store->shared.key == NULL || memcmp (store->shared.box.key_id, half->id, sizeof half->id) != 0)
        crypt_shared_make (&store->shared, half);
      is_shared = store->shared.key != NULL;
    }
  if (is_shared)
    crypt_header_make_shared (header, suite, &store->shared.box, g_bytes_get_data (store->shared.key, NULL),
                              ret_key);
  g_mutex_unlock (&store->lock);
  if (!is_shared && !crypt_delivered_make_header (header, suite, half, ret_key))
    crypt_header_make (header, suite, half, ret_key);
}

CryptKeys *
crypt_store_keys (CryptStore *store, const SatchelAccess *access)
{
  if (access->key == NULL)
    return NULL;
  g_mutex_lock (&store->lock);
  int at = find_attached (store, access->key);
  CryptKeys *keys = at >= 0 ? g_array_index (store->attached, Attached, (guint) at).keys : NULL;
  if (keys != NULL)
    crypt_keys_ref (keys);
  g_mutex_unlock (&store->lock);
  return keys;
}

gboolean
crypt_store_is_news (CryptStore *store, GBytes *copy)
{
  g_mutex_lock (&store->lock);
  const gboolean is_news = store->copy == NULL || !g_bytes_equal (store->copy, copy);
  if (is_news)
    {
      g_clear_pointer (&store->copy, g_bytes_unref);
      store->copy = g_bytes_ref (copy);
    }
  g_mutex_unlock (&store->lock);
  return is_news;
}

CryptKeys *
crypt_store_any_keys (CryptStore *store)
{
  CryptKeys *keys = NULL;
  g_mutex_lock (&store->lock);
  for (guint i = 0; keys == NULL && i < store->attached->len; i++)
    keys = g_array_index (store->attached, Attached, i).keys;
  if (keys != NULL)
    crypt_keys_ref (keys);
  g_mutex_unlock (&store->lock);
  return keys;
}

/* ---- how mail is to lie on the disk ---- */

/* Reads the blob, once while the store is open.  A driver without blobs has none. */
static gboolean
read_blob (SatchelStorage *storage, const SatchelAccess *access, GError **error)
{
  CryptStore *store = storage->self;
  g_autoptr (GError) why = NULL;
  g_mutex_lock (&store->lock);
  gboolean is_read = store->is_blob_read;
  g_mutex_unlock (&store->lock);
  if (is_read)
    return TRUE;
  g_autoptr (GBytes) value = satchel_storage_get_blob (storage, access, CRYPT_SPACE, BLOB, &why);
  if (value == NULL && !g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT)
      && !g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT))
    {
      g_propagate_prefixed_error (error, g_steal_pointer (&why), "the key that seals new mail: ");
      return FALSE;
    }
  g_mutex_lock (&store->lock);
  if (!store->is_blob_read && value != NULL)
    store->stored = g_strndup (g_bytes_get_data (value, NULL), g_bytes_get_size (value));
  store->is_blob_read = TRUE;
  g_mutex_unlock (&store->lock);
  return TRUE;
}

/* Stores what counts, so that it counts also for who comes without what auth says. */
static gboolean
keep_state (SatchelStorage *storage, const SatchelAccess *access, const char *text, GError **error)
{
  CryptStore *store = storage->self;
  g_autoptr (GBytes) value = g_bytes_new (text, strlen (text));
  const SatchelBlob blob = { BLOB, value };
  g_autoptr (GError) why = NULL;
  if (!satchel_storage_put_blobs (storage, access, CRYPT_SPACE, &blob, 1, &why)
      && !g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT))
    {
      g_propagate_prefixed_error (error, g_steal_pointer (&why), "the key that seals new mail: ");
      return FALSE;
    }
  g_mutex_lock (&store->lock);
  g_free (store->stored);
  store->stored = g_strdup (text);
  store->is_stored_told = TRUE;
  g_mutex_unlock (&store->lock);
  satchel_storage_ask_upkeep (storage);
  return TRUE;
}

static char *
stored_text (CryptStore *store)
{
  g_mutex_lock (&store->lock);
  char *text = g_strdup (store->stored);
  g_mutex_unlock (&store->lock);
  return text;
}

static gboolean
is_told (CryptStore *store)
{
  g_mutex_lock (&store->lock);
  const gboolean is = store->is_stored_told;
  g_mutex_unlock (&store->lock);
  return is;
}

static void
note_told (CryptStore *store)
{
  g_mutex_lock (&store->lock);
  store->is_stored_told = TRUE;
  g_mutex_unlock (&store->lock);
}

gboolean
crypt_store_parse (CryptStore *store, const char *text, CryptState *ret_state)
{
  g_mutex_lock (&store->lock);
  const gboolean is_parsed = text != NULL && g_strcmp0 (store->parsed, text) == 0;
  if (is_parsed)
    *ret_state = store->parsed_state;
  g_mutex_unlock (&store->lock);
  if (is_parsed)
    return TRUE;
  if (!crypt_state_parse (text, ret_state))
    return FALSE;
  g_mutex_lock (&store->lock);
  g_free (store->parsed);
  store->parsed = g_strdup (text);
  store->parsed_state = *ret_state;
  g_mutex_unlock (&store->lock);
  return TRUE;
}

gboolean
crypt_store_state (SatchelStorage *storage, const SatchelAccess *access, CryptState *ret_state,
                   GError **error)
{
  CryptState told, kept;
  g_autofree char *said = satchel_storage_user_attribute (storage, CRYPT_ATTRIBUTE);
  if (!read_blob (storage, access, error))
    return FALSE;
  g_autofree char *stored = stored_text (storage->self);
  if (said == NULL && stored == NULL && !satchel_storage_knows_attributes (storage))
    return satchel_error_set (
        error, SATCHEL_ERROR_UNAVAILABLE,
        "it is not known yet whether the user's mail is sealed: nothing is stored until a "
        "login or a delivery says so");
  if (!crypt_store_parse (storage->self, said, &told)
      || (!crypt_store_parse (storage->self, stored, &kept) && said == NULL))
    return satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                              "the key that seals new mail is damaged: nothing is stored until it is mended");
  if (!told.is_known && kept.is_sealed && satchel_storage_knows_attributes (storage))
    return satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE,
                              "the user's mail was sealed, and the ring is missing where logins are checked: "
                              "nothing is stored until it is back (satchel crypt restore)");
  /* Who was asked before the last change, and comes after it, says what counts no more.  The blob alone never
   * counts against auth: it may be anybody's who can write the mail. */
  const gboolean is_outdated = told.serial < kept.serial && is_told (storage->self);
  *ret_state = told.is_known && !is_outdated ? told : kept;
  if (!told.is_known || is_outdated)
    return TRUE;
  g_autofree char *text = g_strcmp0 (said, stored) != 0 ? crypt_state_to_text (&told) : NULL;
  if (text != NULL && g_strcmp0 (text, stored) != 0)
    return keep_state (storage, access, text, error);
  note_told (storage->self);
  return TRUE;
}

/* ---- messages ---- */

static void
fill_key (Message *message, SatchelStorageMailbox *mailbox, guint32 uid)
{
  g_autoptr (SatchelSnapshot) snapshot = satchel_storage_mailbox_snapshot (mailbox);
  memset (message, 0, sizeof *message);
  memcpy (message->mailbox_id, snapshot->state.mailbox_id, sizeof message->mailbox_id);
  message->uid = uid;
}

void
crypt_store_note (CryptStore *store, SatchelStorageMailbox *mailbox, guint32 uid, const CryptKnown *known)
{
  Message *message = g_new (Message, 1);
  fill_key (message, mailbox, uid);
  message->known = *known;
  g_mutex_lock (&store->lock);
  if (g_hash_table_size (store->messages) >= MESSAGES_MAX)
    g_hash_table_remove_all (store->messages);
  /* The key may be of an access that has gone meanwhile. */
  message->known.has_key = known->has_key && store->attached->len > 0;
  g_hash_table_replace (store->messages, message, message);
  g_mutex_unlock (&store->lock);
}

gboolean
crypt_store_find (CryptStore *store, SatchelStorageMailbox *mailbox, guint32 uid, CryptKnown *ret_known)
{
  Message wanted;
  fill_key (&wanted, mailbox, uid);
  g_mutex_lock (&store->lock);
  const Message *message = g_hash_table_lookup (store->messages, &wanted);
  if (message != NULL)
    *ret_known = message->known;
  g_mutex_unlock (&store->lock);
  return message != NULL;
}

void
crypt_store_forget (CryptStore *store, SatchelStorageMailbox *mailbox, const guint32 *uids, guint n)
{
  Message message;
  g_mutex_lock (&store->lock);
  for (guint i = 0; i < n; i++)
    {
      fill_key (&message, mailbox, uids[i]);
      g_hash_table_remove (store->messages, &message);
    }
  g_mutex_unlock (&store->lock);
  crypt_opened_forget (store->opened, mailbox, uids, n);
}

CryptOpened *
crypt_store_opened (CryptStore *store)
{
  return store->opened;
}

/* ---- contents that are exchanged ---- */

void
crypt_store_begin_exchange (CryptStore *store)
{
  g_mutex_lock (&store->exchange);
  g_atomic_int_inc (&store->exchanges);
}

void
crypt_store_end_exchange (CryptStore *store)
{
  g_atomic_int_inc (&store->exchanges);
  g_mutex_unlock (&store->exchange);
}

guint
crypt_store_exchanges (CryptStore *store)
{
  return (guint) g_atomic_int_get (&store->exchanges);
}

gboolean
crypt_store_was_exchanged (CryptStore *store, guint exchanges)
{
  if (exchanges % 2 == 0 && exchanges == crypt_store_exchanges (store))
    return FALSE;
  g_mutex_lock (&store->exchange);
  g_mutex_unlock (&store->exchange);
  return TRUE;
}

/* ---- contents that are staged ---- */

void
crypt_store_count_staged (CryptStore *store, const guint8 id[CRYPT_KEY_ID_BYTES], int by)
{
  g_mutex_lock (&store->lock);
  guint at = 0;
  while (at < store->pending->len
         && memcmp (g_array_index (store->pending, Pending, at).id, id, CRYPT_KEY_ID_BYTES) != 0)
    at++;
  if (at == store->pending->len)
    {
      Pending pending = { .n = 0 };
      memcpy (pending.id, id, sizeof pending.id);
      g_array_append_val (store->pending, pending);
    }
  g_array_index (store->pending, Pending, at).n += (guint) by;
  g_mutex_unlock (&store->lock);
}

gboolean
crypt_store_has_other_staged (CryptStore *store, const guint8 id[CRYPT_KEY_ID_BYTES])
{
  gboolean has = FALSE;
  g_mutex_lock (&store->lock);
  for (guint i = 0; i < store->pending->len; i++)
    {
      const Pending *pending = &g_array_index (store->pending, Pending, i);
      has |= pending->n > 0 && memcmp (pending->id, id, CRYPT_KEY_ID_BYTES) != 0;
    }
  g_mutex_unlock (&store->lock);
  return has;
}

gboolean
crypt_store_has_other_staged_for (CryptStore *store, const CryptState *state)
{
  guint8 id[CRYPT_KEY_ID_BYTES];
  crypt_state_id (state, id);
  return crypt_store_has_other_staged (store, id);
}

/* ---- work ---- */

gboolean
crypt_store_begin_work (CryptStore *store)
{
  g_mutex_lock (&store->lock);
  if (store->is_at_work)
    g_cond_wait_until (&store->work_ended, &store->lock, g_get_monotonic_time () + WAIT_US);
  const gboolean begins = !store->is_at_work;
  store->is_at_work = TRUE;
  g_mutex_unlock (&store->lock);
  return begins;
}

void
crypt_store_end_work (CryptStore *store)
{
  g_mutex_lock (&store->lock);
  store->is_at_work = FALSE;
  g_cond_broadcast (&store->work_ended);
  g_mutex_unlock (&store->lock);
}

gboolean
crypt_store_is_at_work (CryptStore *store)
{
  g_mutex_lock (&store->lock);
  gboolean is = store->is_at_work;
  g_mutex_unlock (&store->lock);
  return is;
}

gboolean
crypt_store_is_first (CryptStore *store)
{
  return g_atomic_int_compare_and_exchange (&store->has_come, 0, 1);
}

void
crypt_store_add_due (CryptStore *store, guint64 us)
{
  g_mutex_lock (&store->lock);
  store->due_us = MAX (store->due_us, g_get_monotonic_time ()) + (gint64) MIN (us, G_MAXINT32);
  g_mutex_unlock (&store->lock);
}

gint64
crypt_store_due_us (CryptStore *store)
{
  g_mutex_lock (&store->lock);
  gint64 due_us = store->due_us;
  g_mutex_unlock (&store->lock);
  return due_us;
}
