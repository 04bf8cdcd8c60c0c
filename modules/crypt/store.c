/* SPDX-License-Identifier: MIT
 * What the layer knows of one store.  The public half comes from auth with each login and delivery, as an
 * attribute of the user; a blob beside the mail has it for those that come without attributes, so that what
 * was sealed once is never followed by mail in clear.
 */
#include "store.h"

#include <satchel/hash.h>
#include <satchel/log.h>
#include <sodium.h>
#include <string.h>

#define SPACE "crypt"
#define BLOB "public"
#define ATTRIBUTE "crypt.public"
#define DIGITS (2 * CRYPT_KEY_BYTES)
#define MESSAGES_MAX 50000u

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

struct CryptStore
{
  GMutex lock;          /* guards all that follows */
  GArray *attached;     /* Attached */
  GHashTable *messages; /* Message, which is its own key */
  gboolean is_blob_read;
  char *stored; /* the digits in the blob; NULL: there is none */
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
  return store;
}

void
crypt_store_free (CryptStore *store)
{
  g_array_unref (store->attached);
  g_hash_table_unref (store->messages);
  g_mutex_clear (&store->lock);
  g_free (store->stored);
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
}

void
crypt_store_detach (CryptStore *store, const SatchelAccess *access)
{
  g_mutex_lock (&store->lock);
  int at = find_attached (store, access->key);
  if (at >= 0)
    g_array_remove_index_fast (store->attached, (guint) at);
  if (store->attached->len == 0)
    g_hash_table_remove_all (store->messages);
  g_mutex_unlock (&store->lock);
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

/* ---- the public half ---- */

static gboolean
read_digits (const char *digits, gsize len, CryptPublic *ret_half)
{
  guint8 bytes[CRYPT_KEY_BYTES];
  gsize n = 0;
  if (len != DIGITS || sodium_hex2bin (bytes, sizeof bytes, digits, len, NULL, &n, NULL) != 0
      || n != sizeof bytes)
    return FALSE;
  crypt_public_set (ret_half, bytes);
  return TRUE;
}

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
  g_autoptr (GBytes) value = satchel_storage_get_blob (storage, access, SPACE, BLOB, &why);
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

/* Stores what auth says, so that it counts also for who comes without it. */
static gboolean
keep_digits (SatchelStorage *storage, const SatchelAccess *access, const char *digits, GError **error)
{
  CryptStore *store = storage->self;
  g_autoptr (GBytes) value = g_bytes_new (digits, strlen (digits));
  const SatchelBlob blob = { BLOB, value };
  g_autoptr (GError) why = NULL;
  if (!satchel_storage_put_blobs (storage, access, SPACE, &blob, 1, &why)
      && !g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT))
    {
      g_propagate_prefixed_error (error, g_steal_pointer (&why), "the key that seals new mail: ");
      return FALSE;
    }
  g_mutex_lock (&store->lock);
  g_free (store->stored);
  store->stored = g_strdup (digits);
  g_mutex_unlock (&store->lock);
  return TRUE;
}

static char *
stored_digits (CryptStore *store)
{
  g_mutex_lock (&store->lock);
  char *digits = g_strdup (store->stored);
  g_mutex_unlock (&store->lock);
  return digits;
}

gboolean
crypt_store_half (SatchelStorage *storage, const SatchelAccess *access, gboolean *ret_is_sealed,
                  CryptPublic *ret_half, GError **error)
{
  CryptStore *store = storage->self;
  g_autofree char *told = satchel_storage_user_attribute (storage, ATTRIBUTE);
  if (!read_blob (storage, access, error))
    return FALSE;
  g_autofree char *stored = stored_digits (store);
  const char *digits = told != NULL ? told : stored;
  if (digits == NULL && !satchel_storage_knows_attributes (storage))
    return satchel_error_set (
        error, SATCHEL_ERROR_UNAVAILABLE,
        "it is not known yet whether the user's mail is sealed: nothing is stored until a "
        "login or a delivery says so");
  if (digits != NULL && !read_digits (digits, strlen (digits), ret_half))
    return satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                              "the key that seals new mail is damaged: nothing is stored until it is mended");
  *ret_is_sealed = digits != NULL;
  return told == NULL || g_strcmp0 (told, stored) == 0 || keep_digits (storage, access, told, error);
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
