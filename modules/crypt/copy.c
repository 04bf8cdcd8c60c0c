/* SPDX-License-Identifier: MIT
 * Copies of rings, in role auth.
 */
#include "copy.h"
#include "wanted.h"

#include <satchel/hash.h>
#include <satchel/keyring.h>
#include <satchel/log.h>
#include <string.h>

#define TOLD_US (24 * G_TIME_SPAN_HOUR)
#define TOLD_MAX 100000u

/* What was told of a user's ring, and when. */
typedef struct Told
{
  guint64 hash;
  gint64 at_us;
} Told;

static GMutex lock;
static GHashTable *told; /* user -> Told */

/* Drops what opens a ring without a secret of the user's or the site's. */
static void
strip (CryptRing *ring)
{
  (void) crypt_ring_set_open (ring, NULL, NULL);
  crypt_wanted_clear (ring);
  for (guint i = 0; i < ring->former->len; i++)
    {
      crypt_ring_remove_kind (ring->former->pdata[i], CRYPT_BY_FIRST_LOGIN);
      crypt_ring_remove_kind (ring->former->pdata[i], CRYPT_WANTED);
    }
}

GBytes *
crypt_copy_of (const CryptRing *ring)
{
  char *text = crypt_ring_to_text (ring);
  g_autoptr (CryptRing) copy = crypt_ring_parse (text, strlen (text), NULL);
  explicit_bzero (text, strlen (text));
  g_free (text);
  if (copy == NULL)
    return NULL;
  strip (copy);
  char *stripped = crypt_ring_to_text (copy);
  GBytes *bytes = g_bytes_new_take (stripped, strlen (stripped));
  if (g_bytes_get_size (bytes) > SATCHEL_RING_COPY_BYTES_MAX)
    g_clear_pointer (&bytes, g_bytes_unref);
  return bytes;
}

GBytes *
crypt_copy_news (const CryptRing *ring)
{
  GBytes *copy = crypt_copy_of (ring);
  if (copy == NULL)
    return NULL;
  const gint64 now_us = g_get_monotonic_time ();
  gsize len;
  const void *data = g_bytes_get_data (copy, &len);
  Told fresh = { satchel_keyed_hash (data, len), now_us };
  g_mutex_lock (&lock);
  if (told == NULL || g_hash_table_size (told) >= TOLD_MAX)
    {
      g_clear_pointer (&told, g_hash_table_unref);
      told = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, g_free);
    }
  const Told *before = g_hash_table_lookup (told, ring->user);
  const gboolean is_news = before == NULL || before->hash != fresh.hash || now_us - before->at_us > TOLD_US;
  if (is_news)
    g_hash_table_replace (told, g_strdup (ring->user), g_memdup2 (&fresh, sizeof fresh));
  g_mutex_unlock (&lock);
  if (!is_news)
    g_clear_pointer (&copy, g_bytes_unref);
  return copy;
}

void
crypt_copy_forget (void)
{
  g_mutex_lock (&lock);
  g_clear_pointer (&told, g_hash_table_unref);
  g_mutex_unlock (&lock);
}

CryptRing *
crypt_copy_parse (const char *user, const char *text, gsize len, GError **error)
{
  g_autoptr (CryptRing) copy = crypt_ring_parse (text, len, error);
  if (copy == NULL)
    return NULL;
  if (strcmp (copy->user, user) != 0)
    {
      satchel_error_set (error, SATCHEL_ERROR_INVALID, "that is the ring of %s", copy->user);
      return NULL;
    }
  strip (copy);
  return g_steal_pointer (&copy);
}

GBytes *
crypt_copy_open (const CryptRing *copy, const CryptOpener *opener)
{
  g_autoptr (GBytes) secret = crypt_ring_unlock (copy, opener, NULL);
  CryptOpener former = crypt_login_former (opener);
  if (secret == NULL && opener->kind == CRYPT_BY_PASSWORD)
    secret = crypt_ring_unlock (copy, &former, NULL);
  g_autoptr (CryptKeys) keys = secret != NULL ? crypt_keys_new (secret) : NULL;
  return crypt_keys_find (keys, copy->half.id) != NULL ? g_steal_pointer (&secret) : NULL;
}

/* Lets the ring that is there give what the copy gives. */
static gboolean
join (CryptRing *ring, const CryptRing *copy, GBytes *secret, GError **error)
{
  if (!crypt_ring_take_keys (ring, copy, error))
    return FALSE;
  for (guint i = 0; i < ring->former->len; i++)
    {
      CryptRing *former = ring->former->pdata[i];
      if (memcmp (former->half.id, copy->half.id, sizeof former->half.id) == 0)
        return crypt_ring_link (ring, former, secret, error);
    }
  return TRUE;
}

gboolean
crypt_copy_adopt (const CryptRing *copy, GBytes *secret, const CryptOpener *opener, GError **error)
{
  g_autoptr (GError) why = NULL;
  g_autoptr (CryptRing) ring = crypt_rings_load (copy->user, &why);
  if (ring == NULL && !g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    {
      g_propagate_error (error, g_steal_pointer (&why));
      return FALSE;
    }
  if (ring == NULL)
    {
      ring = crypt_ring_new (copy->user, &copy->half);
      crypt_ring_decide (ring, copy->is_opening);
    }
  if (ring->slots->len == 0)
    g_array_append_vals (ring->slots, copy->slots->data, copy->slots->len);
  if (!join (ring, copy, secret, error))
    return FALSE;
  crypt_login_link (ring, opener);
  return crypt_rings_store (ring, error);
}

gboolean
crypt_copy_take (const CryptLogin *login)
{
  g_autoptr (GError) error = NULL;
  if (login->is_test || !crypt_rings_has_copy (login->user))
    return FALSE;
  crypt_rings_lock ();
  g_autoptr (CryptRing) copy = crypt_rings_load_copy (login->user, &error);
  g_autoptr (GBytes) secret = copy != NULL ? crypt_copy_open (copy, &login->opener) : NULL;
  gboolean ok = secret != NULL && crypt_copy_adopt (copy, secret, &login->opener, &error)
                && crypt_rings_remove_copy (login->user, &error);
  crypt_rings_unlock ();
  if (ok)
    satchel_log (SATCHEL_LOG_INFO, CRYPT_AREA, "user=\"%s\" the ring was taken from the copy beside the mail",
                 login->user);
  else
    satchel_log (SATCHEL_LOG_WARNING, CRYPT_AREA, "user=\"%s\" the copy of the ring is not taken: %s",
                 login->user, error != NULL ? error->message : "this login does not open it");
  return ok;
}
