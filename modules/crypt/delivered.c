/* SPDX-License-Identifier: MIT
 * The boxes of mail that comes while its user is away.  Two secrets are kept, for all users: an ephemeral
 * private half and a root, from which the key in each user's box follows.  So a box that is made twice is the
 * same one, and no two keys are ever sealed with the same ephemeral half for the same user, whose nonce would
 * be the same.
 */
#include "delivered.h"

#include <satchel/reactor.h>
#include <satchel/secret.h>
#include <sodium.h>
#include <string.h>

#define LIFE_MS 2000u
#define BOXES_MAX 4096u /* of users; then they are made again */
#define FOLLOWS_FOR "satchel delivery"
G_STATIC_ASSERT (sizeof FOLLOWS_FOR == crypto_generichash_blake2b_PERSONALBYTES + 1);
G_STATIC_ASSERT (sizeof ((CryptPublic *) NULL)->bytes == crypto_box_PUBLICKEYBYTES);

typedef struct Secrets
{
  guint8 ephemeral[crypto_box_SECRETKEYBYTES], root[CRYPT_KEY_BYTES];
} Secrets;

/* What is sealed for one user within the life of the secrets. */
typedef struct Boxed
{
  guint8 half[crypto_box_PUBLICKEYBYTES]; /* the key of the table */
  CryptKeyBox box;
} Boxed;

typedef struct Period
{
  GBytes *secrets; /* Secrets; NULL: there are none */
  guint8 ephemeral_half[crypto_box_PUBLICKEYBYTES];
  gint64 ends_us;
} Period;

guint crypt_delivered_life_ms = LIFE_MS;

static GMutex lock; /* guards what follows */
static Period present;
static GHashTable *boxes; /* Boxed, of the present period */

static SatchelTimer timer; /* main thread */

static guint
hash_half (gconstpointer half)
{
  guint hash;
  memcpy (&hash, half, sizeof hash);
  return hash;
}

static gboolean
is_same_half (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, crypto_box_PUBLICKEYBYTES) == 0;
}

/* Ends the period.  The caller holds the lock. */
static void
end (void)
{
  g_clear_pointer (&present.secrets, g_bytes_unref);
  g_clear_pointer (&boxes, g_hash_table_unref);
}

static void
end_in_time (SatchelTimer *unused, gpointer data)
{
  (void) unused;
  (void) data;
  g_mutex_lock (&lock);
  end ();
  g_mutex_unlock (&lock);
}

static void
arm (gpointer data)
{
  (void) data;
  if (crypt_delivered_has_keys ())
    satchel_timer_arm (&timer, crypt_delivered_life_ms, end_in_time, NULL);
}

void
crypt_delivered_forget (void)
{
  satchel_timer_cancel (&timer);
  end_in_time (&timer, NULL);
}

gboolean
crypt_delivered_has_keys (void)
{
  g_mutex_lock (&lock);
  const gboolean has = present.secrets != NULL;
  g_mutex_unlock (&lock);
  return has;
}

/* Sees to it that there is a period, unless there is no memory for its secrets.  The caller holds the lock.
 * What is over ends here where the loop has had no time to end it. */
static void
begin (void)
{
  const gint64 now_us = g_get_monotonic_time ();
  if (present.secrets != NULL && now_us < present.ends_us)
    return;
  Secrets secrets;
  end ();
  crypto_box_keypair (present.ephemeral_half, secrets.ephemeral);
  randombytes_buf (secrets.root, sizeof secrets.root);
  present.secrets = satchel_secret_new (&secrets, sizeof secrets);
  sodium_memzero (&secrets, sizeof secrets);
  present.ends_us = now_us + (gint64) crypt_delivered_life_ms * 1000;
  boxes = g_hash_table_new_full (hash_half, is_same_half, g_free, NULL);
  if (present.secrets != NULL)
    satchel_defer (arm, NULL);
}

/* Gets the present period, with a reference of the caller's to its secrets, and the user's box, if there is
 * one: else FALSE. */
static gboolean
find (const CryptPublic *half, Period *ret_period, CryptKeyBox *ret_box)
{
  g_mutex_lock (&lock);
  begin ();
  *ret_period = present;
  if (present.secrets != NULL)
    g_bytes_ref (present.secrets);
  const Boxed *boxed = g_hash_table_lookup (boxes, half->bytes);
  if (boxed != NULL)
    *ret_box = boxed->box;
  g_mutex_unlock (&lock);
  return boxed != NULL;
}

static void
keep (const CryptPublic *half, const Period *period, const CryptKeyBox *box)
{
  Boxed *boxed = g_new (Boxed, 1);
  memcpy (boxed->half, half->bytes, sizeof boxed->half);
  boxed->box = *box;
  g_mutex_lock (&lock);
  if (present.secrets == period->secrets)
    {
      if (g_hash_table_size (boxes) >= BOXES_MAX)
        g_hash_table_remove_all (boxes);
      g_hash_table_replace (boxes, boxed, boxed);
      boxed = NULL;
    }
  g_mutex_unlock (&lock);
  g_free (boxed);
}

/* Makes what crypto_box_seal makes, with the ephemeral half of the period. */
static gboolean
seal (const CryptPublic *half, const Period *period, const guint8 key[CRYPT_KEY_BYTES], CryptKeyBox *ret)
{
  const Secrets *secrets = g_bytes_get_data (period->secrets, NULL);
  guint8 nonce[crypto_box_NONCEBYTES];
  crypto_generichash_state state;
  crypto_generichash_init (&state, NULL, 0, sizeof nonce);
  crypto_generichash_update (&state, period->ephemeral_half, sizeof period->ephemeral_half);
  crypto_generichash_update (&state, half->bytes, sizeof half->bytes);
  crypto_generichash_final (&state, nonce, sizeof nonce);
  memcpy (ret->key_id, half->id, sizeof ret->key_id);
  memcpy (ret->bytes, period->ephemeral_half, sizeof period->ephemeral_half);
  return crypto_box_easy (ret->bytes + sizeof period->ephemeral_half, key, CRYPT_KEY_BYTES, nonce,
                          half->bytes, secrets->ephemeral)
         == 0;
}

gboolean
crypt_delivered_make_header (CryptHeader *header, CryptSuite suite, const CryptPublic *half,
                             guint8 ret_key[CRYPT_KEY_BYTES])
{
  Period period;
  CryptKeyBox box;
  guint8 key[CRYPT_KEY_BYTES];
  gboolean is_made = find (half, &period, &box);
  if (period.secrets == NULL)
    return FALSE;
  const Secrets *secrets = g_bytes_get_data (period.secrets, NULL);
  crypto_generichash_blake2b_salt_personal (key, sizeof key, half->bytes, sizeof half->bytes, secrets->root,
                                            sizeof secrets->root, NULL, (const guint8 *) FOLLOWS_FOR);
  if (!is_made && seal (half, &period, key, &box))
    {
      keep (half, &period, &box);
      is_made = TRUE;
    }
  if (is_made)
    crypt_header_make_shared (header, suite, &box, key, ret_key);
  sodium_memzero (key, sizeof key);
  g_bytes_unref (period.secrets);
  return is_made;
}
