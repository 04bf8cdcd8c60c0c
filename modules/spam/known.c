/* SPDX-License-Identifier: MIT
 * Keeps known messages in buckets by the first bits of their keys: each a blob of rows, the newest last.
 */
#include "known.h"

#include "names.h"

#include <satchel/attributes.h>
#include <string.h>

#define ROW_BYTES (SPAM_KEY_BYTES + 1u) /* the key, and what it is known as */

typedef struct Bucket
{
  GByteArray *rows; /* NULL: not read */
  gboolean is_changed;
  GBytes *stored; /* for the blob */
  char name[8];   /* "known-a" */
} Bucket;

struct SpamKnown
{
  Bucket buckets[SPAM_KNOWN_BUCKETS];
};

SpamKnown *
spam_known_new (void)
{
  SpamKnown *known = g_new0 (SpamKnown, 1);
  for (guint i = 0; i < SPAM_KNOWN_BUCKETS; i++)
    g_snprintf (known->buckets[i].name, sizeof known->buckets[i].name, "known-%x", i);
  return known;
}

void
spam_known_free (SpamKnown *known)
{
  for (guint i = 0; known != NULL && i < SPAM_KNOWN_BUCKETS; i++)
    {
      g_clear_pointer (&known->buckets[i].rows, g_byte_array_unref);
      g_clear_pointer (&known->buckets[i].stored, g_bytes_unref);
    }
  g_free (known);
}

gboolean
spam_key_of (GBytes *attributes, SpamKey *ret_key)
{
  static const char *const names[] = { "Date", "From", "Subject" };
  g_autofree char *id =
      satchel_attributes_is_parsed (attributes) ? satchel_attributes_message_id (attributes) : NULL;
  if (id == NULL)
    return FALSE;
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  g_checksum_update (sum, (const guchar *) id, (gssize) strlen (id) + 1);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      const char *value = NULL;
      gsize len = 0;
      gboolean is_there =
          satchel_attributes_header (attributes, names[i], &value, &len) == SATCHEL_HEADER_PRESENT;
      g_autofree char *text = is_there ? satchel_header_unfold (value, len, NULL) : g_strdup ("");
      g_checksum_update (sum, (const guchar *) text, (gssize) strlen (text) + 1);
    }
  guint8 digest[32];
  gsize digest_len = sizeof digest;
  g_checksum_get_digest (sum, digest, &digest_len);
  memcpy (ret_key->bytes, digest, SPAM_KEY_BYTES);
  return TRUE;
}

static Bucket *
bucket_of (SpamKnown *known, const SpamKey *key)
{
  return &known->buckets[key->bytes[0] % SPAM_KNOWN_BUCKETS];
}

static gboolean
load_bucket (Bucket *bucket, SatchelStore *store, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (GBytes) blob = satchel_store_get_blob (store, SPAM_SPACE, bucket->name, &local);
  if (blob == NULL && !g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  gsize len = 0;
  const guint8 *data = blob != NULL ? g_bytes_get_data (blob, &len) : NULL;
  bucket->rows = g_byte_array_new ();
  if (len % ROW_BYTES == 0 && len <= SPAM_KNOWN_PER_BUCKET * ROW_BYTES)
    g_byte_array_append (bucket->rows, data, (guint) len);
  return TRUE;
}

/* Returns the place of a key's row, or the length of all rows. */
static guint
find_row (const Bucket *bucket, const SpamKey *key)
{
  guint at = 0;
  while (at < bucket->rows->len && memcmp (bucket->rows->data + at, key->bytes, SPAM_KEY_BYTES) != 0)
    at += ROW_BYTES;
  return at;
}

gboolean
spam_known_find (SpamKnown *known, SatchelStore *store, const SpamKey *key, SpamKnownAs *ret_as,
                 GError **error)
{
  Bucket *bucket = bucket_of (known, key);
  if (bucket->rows == NULL && !load_bucket (bucket, store, error))
    return FALSE;
  guint at = find_row (bucket, key);
  guint8 as = at < bucket->rows->len ? bucket->rows->data[at + SPAM_KEY_BYTES] : SPAM_KNOWN_NOT;
  *ret_as = as <= SPAM_KNOWN_HAM ? (SpamKnownAs) as : SPAM_KNOWN_NOT;
  return TRUE;
}

void
spam_known_set (SpamKnown *known, const SpamKey *key, SpamKnownAs as)
{
  Bucket *bucket = bucket_of (known, key);
  g_return_if_fail (bucket->rows != NULL);
  const guint8 value = (guint8) as;
  guint at = find_row (bucket, key);
  if (at < bucket->rows->len)
    g_byte_array_remove_range (bucket->rows, at, ROW_BYTES);
  if (bucket->rows->len >= SPAM_KNOWN_PER_BUCKET * ROW_BYTES)
    g_byte_array_remove_range (bucket->rows, 0, ROW_BYTES);
  g_byte_array_append (bucket->rows, key->bytes, SPAM_KEY_BYTES);
  g_byte_array_append (bucket->rows, &value, 1);
  bucket->is_changed = TRUE;
}

void
spam_known_add_changes (SpamKnown *known, GArray *changes)
{
  for (guint i = 0; i < SPAM_KNOWN_BUCKETS; i++)
    {
      Bucket *bucket = &known->buckets[i];
      if (!bucket->is_changed)
        continue;
      g_clear_pointer (&bucket->stored, g_bytes_unref);
      bucket->stored = g_bytes_new (bucket->rows->data, bucket->rows->len);
      bucket->is_changed = FALSE;
      const SatchelBlob change = { bucket->name, bucket->stored };
      g_array_append_val (changes, change);
    }
}
