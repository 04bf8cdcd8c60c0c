/* SPDX-License-Identifier: MIT
 * Implements verified logins: HMAC-SHA256 under a secret, bounded in number and time. The secret is one of
 * this process, or of the memory in which entries outlive it (auth_kept.c). What a login unlocked lies
 * beside, sealed (AES-256-GCM) under a key of that secret and the user's own, which nobody has between
 * logins.
 */
#include "config.h"

#include "core/daemon/auth/check/auth_cache.h"
#include "core/daemon/auth/check/auth_kept.h"
#include "core/daemon/auth/check/auth_lru.h"
#include "core/daemon/auth/check/auth_seal.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <string.h>
#include <sys/mman.h>

#define MAX_ENTRIES 65536
#define SECRET_BYTES 32
#define PAGE_BYTES 4096

struct SatchelAuthCache
{
  guint8 *secret;       /* in a page of its own, which is locked and left out of core dumps */
  SatchelLru *verified; /* digest -> Entry */
  SatchelKept *kept;    /* borrowed, or NULL */
};

typedef struct Entry
{
  gint64 until_ms;
  GBytes *sealed;    /* NULL: the login unlocked nothing */
  SatchelKept *kept; /* where the entry is stored as well; NULL: nowhere */
  guint slot;
} Entry;

static void
entry_clear (gpointer value)
{
  Entry *entry = value;
  g_clear_pointer (&entry->sealed, g_bytes_unref);
  if (entry->kept != NULL)
    satchel_kept_drop (g_steal_pointer (&entry->kept), entry->slot);
}

static gboolean
make_secret (SatchelKept *kept, guint8 *secret)
{
  if (kept == NULL)
    return gnutls_rnd (GNUTLS_RND_KEY, secret, SECRET_BYTES) == 0;
  memcpy (secret, satchel_kept_key (kept), SECRET_BYTES);
  return TRUE;
}

SatchelAuthCache *
satchel_auth_cache_new (SatchelKept *kept, GError **error)
{
  guint8 *page = mmap (NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED)
    {
      satchel_error_set_errno (error, errno, "memory for the login cache cannot be had");
      return NULL;
    }
  /* The page is locked if the system allows it: RLIMIT_MEMLOCK may be 0. */
  (void) mlock (page, PAGE_BYTES);
  (void) madvise (page, PAGE_BYTES, MADV_DONTDUMP);
  if (!make_secret (kept, page))
    {
      munmap (page, PAGE_BYTES);
      satchel_error_set (error, SATCHEL_ERROR_FAILED, "the system gives no random numbers");
      return NULL;
    }
  SatchelAuthCache *cache = g_new0 (SatchelAuthCache, 1);
  cache->verified = satchel_lru_new_full (sizeof (Entry), MAX_ENTRIES, entry_clear);
  cache->secret = page;
  cache->kept = kept;
  return cache;
}

void
satchel_auth_cache_free (SatchelAuthCache *cache)
{
  if (cache == NULL)
    return;
  satchel_lru_free (cache->verified);
  explicit_bzero (cache->secret, SECRET_BYTES);
  munmap (cache->secret, PAGE_BYTES);
  g_free (cache);
}

void
satchel_auth_cache_key (SatchelAuthCache *cache, const char *user, const char *secret, const char *verifier,
                        const char *factors, guint8 ret_key[SATCHEL_AUTH_CACHE_KEY_BYTES])
{
  const char *const parts[] = { user, secret, verifier, factors };
  gnutls_hmac_hd_t hmac;
  /* If the library fails, the digest is random, so that no entry matches it. */
  if (gnutls_hmac_init (&hmac, GNUTLS_MAC_SHA256, cache->secret, SECRET_BYTES) < 0)
    {
      gnutls_rnd (GNUTLS_RND_NONCE, ret_key, SATCHEL_AUTH_CACHE_KEY_BYTES);
      return;
    }
  /* A NUL follows each part, so that different parts never make the same text. */
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    gnutls_hmac (hmac, parts[i], strlen (parts[i]) + 1);
  gnutls_hmac_deinit (hmac, ret_key);
}

/* Makes a key of the secret of this boot, the login's digest and the user's secret; wiped by the caller. */
static gboolean
seal_key (const SatchelAuthCache *cache, const guint8 key[SATCHEL_AUTH_CACHE_KEY_BYTES], const char *secret,
          guint8 ret_key[SATCHEL_SEAL_KEY_BYTES])
{
  static const char label[] = "what a login unlocked";
  gnutls_hmac_hd_t hmac;
  if (gnutls_hmac_init (&hmac, GNUTLS_MAC_SHA256, cache->secret, SECRET_BYTES) < 0)
    return FALSE;
  gnutls_hmac (hmac, label, sizeof label);
  gnutls_hmac (hmac, key, SATCHEL_AUTH_CACHE_KEY_BYTES);
  gnutls_hmac (hmac, secret, strlen (secret));
  gnutls_hmac_deinit (hmac, ret_key);
  return TRUE;
}

gboolean
satchel_auth_cache_find (SatchelAuthCache *cache, const guint8 key[SATCHEL_AUTH_CACHE_KEY_BYTES],
                         const char *secret, gint64 now_ms, GBytes **ret_unlocked)
{
  const Entry *entry = satchel_lru_find (cache->verified, key, SATCHEL_AUTH_CACHE_KEY_BYTES);
  if (entry == NULL)
    return FALSE;
  guint8 sealing[SATCHEL_SEAL_KEY_BYTES];
  GBytes *unlocked = NULL;
  gboolean is_valid = entry->until_ms > now_ms;
  if (is_valid && entry->sealed != NULL)
    {
      is_valid = seal_key (cache, key, secret, sealing)
                 && (unlocked = satchel_unseal (sealing, entry->sealed)) != NULL;
      explicit_bzero (sealing, sizeof sealing);
    }
  if (is_valid)
    *ret_unlocked = unlocked;
  else
    satchel_lru_remove (cache->verified, key, SATCHEL_AUTH_CACHE_KEY_BYTES);
  return is_valid;
}

void
satchel_auth_cache_add (SatchelAuthCache *cache, const guint8 key[SATCHEL_AUTH_CACHE_KEY_BYTES],
                        const char *secret, GBytes *unlocked, gint64 until_ms)
{
  GBytes *sealed = NULL;
  if (unlocked != NULL)
    {
      guint8 sealing[SATCHEL_SEAL_KEY_BYTES];
      if (seal_key (cache, key, secret, sealing))
        sealed = satchel_seal (sealing, unlocked);
      explicit_bzero (sealing, sizeof sealing);
      if (sealed == NULL) /* without its key, a remembered login would be worth less than a new hash */
        return;
    }
  Entry *entry = satchel_lru_add (cache->verified, key, SATCHEL_AUTH_CACHE_KEY_BYTES);
  entry_clear (entry);
  guint slot =
      cache->kept != NULL ? satchel_kept_put (cache->kept, key, until_ms, sealed) : SATCHEL_KEPT_NONE;
  *entry = (Entry) { until_ms, sealed, slot != SATCHEL_KEPT_NONE ? cache->kept : NULL, slot };
}

static void
take_over (guint slot, const guint8 digest[SATCHEL_AUTH_CACHE_KEY_BYTES], gint64 until_ms, GBytes *sealed,
           gpointer data)
{
  SatchelAuthCache *cache = data;
  Entry *entry = satchel_lru_add (cache->verified, digest, SATCHEL_AUTH_CACHE_KEY_BYTES);
  entry_clear (entry);
  *entry = (Entry) { until_ms, sealed != NULL ? g_bytes_ref (sealed) : NULL, cache->kept, slot };
}

void
satchel_auth_cache_load (SatchelAuthCache *cache, gint64 now_ms)
{
  if (cache->kept != NULL)
    satchel_kept_load (cache->kept, now_ms, take_over, cache);
}

guint
satchel_auth_cache_count (SatchelAuthCache *cache)
{
  return satchel_lru_count (cache->verified);
}

static gboolean
is_over (gpointer value, gpointer now_ms)
{
  return ((const Entry *) value)->until_ms <= *(const gint64 *) now_ms;
}

void
satchel_auth_cache_expire (SatchelAuthCache *cache, gint64 now_ms)
{
  satchel_lru_remove_if (cache->verified, is_over, &now_ms);
}

void
satchel_auth_cache_clear (SatchelAuthCache *cache)
{
  satchel_lru_clear (cache->verified);
}
