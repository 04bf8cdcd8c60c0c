/* SPDX-License-Identifier: MIT
 * The copy of the ring beside the mail: a blob, which goes with the mail into backups and conversions.
 */
#include "copy_blob.h"
#include "ring.h"

#include <satchel/log.h>
#include <string.h>

#define SPACE "crypt"
#define BLOB "ring"

/* Returns the copy that came, with the keys of the one that is there which it does not know of: a ring may
 * have been lost and made anew, and the copy is all that is left of the first.  Yours. */
static GBytes *
with_keys_of (GBytes *fresh, GBytes *there)
{
  gsize len, len_there;
  const char *text = g_bytes_get_data (fresh, &len), *text_there = g_bytes_get_data (there, &len_there);
  g_autoptr (CryptRing) ring = crypt_ring_parse (text, len, NULL);
  g_autoptr (CryptRing) before = crypt_ring_parse (text_there, len_there, NULL);
  if (ring == NULL || before == NULL || strcmp (ring->user, before->user) != 0)
    return g_bytes_ref (fresh);
  /* What the same key gave, and gives no more, was forgotten on purpose. */
  if (memcmp (before->half.id, ring->half.id, sizeof ring->half.id) == 0)
    crypt_ring_forget_linked (before);
  if (!crypt_ring_take_keys (ring, before, NULL))
    return g_bytes_ref (fresh);
  char *merged = crypt_ring_to_text (ring);
  return g_bytes_new_take (merged, strlen (merged));
}

void
crypt_copy_keep (SatchelStorage *storage, const SatchelAccess *access)
{
  g_autoptr (GError) error = NULL;
  if (access->ring_copy == NULL || !crypt_store_is_news (storage->self, access->ring_copy))
    return;
  g_autoptr (GBytes) there = crypt_copy_read (storage, access, NULL);
  g_autoptr (GBytes) merged =
      there != NULL ? with_keys_of (access->ring_copy, there) : g_bytes_ref (access->ring_copy);
  const SatchelBlob blob = { BLOB, merged };
  if (!satchel_storage_put_blobs (storage, access, SPACE, &blob, 1, &error)
      && !g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT))
    satchel_log (SATCHEL_LOG_WARNING, "crypt",
                 "user=\"%s\" the copy of the ring beside the mail is not the present one: %s",
                 storage->identity->user, error->message);
}

GBytes *
crypt_copy_read (SatchelStorage *storage, const SatchelAccess *access, GError **error)
{
  return satchel_storage_get_blob (storage, access, SPACE, BLOB, error);
}
