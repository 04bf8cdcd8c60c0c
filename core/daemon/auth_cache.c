/* SPDX-License-Identifier: MIT
 * Verified logins: HMAC-SHA256 under a secret of this boot, bounded in number and time.
 */
#include "config.h"

#include "core/daemon/auth_cache.h"
#include "core/daemon/auth_lru.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <string.h>
#include <sys/mman.h>

#define MAX_ENTRIES 65536
#define SECRET_BYTES 32
#define PAGE_BYTES 4096

struct SatchelAuthCache
{
  guint8 *secret; /* a page of its own: locked, not in dumps */
  SatchelLru *verified; /* digest -> gint64 until_ms */
};

SatchelAuthCache *
satchel_auth_cache_new (GError **error)
{
  guint8 *page = mmap (NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED)
    {
      satchel_error_set_errno (error, errno, "memory for the login cache");
      return NULL;
    }
  /* Best effort: RLIMIT_MEMLOCK may be 0. */
  (void) mlock (page, PAGE_BYTES);
  (void) madvise (page, PAGE_BYTES, MADV_DONTDUMP);
  if (gnutls_rnd (GNUTLS_RND_KEY, page, SECRET_BYTES) < 0)
    {
      munmap (page, PAGE_BYTES);
      satchel_error_set (error, SATCHEL_ERROR_FAILED, "no random numbers");
      return NULL;
    }
  SatchelAuthCache *cache = g_new0 (SatchelAuthCache, 1);
  cache->verified = satchel_lru_new (sizeof (gint64), MAX_ENTRIES);
  cache->secret = page;
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
  /* A key nobody can meet, should the library fail. */
  if (gnutls_hmac_init (&hmac, GNUTLS_MAC_SHA256, cache->secret, SECRET_BYTES) < 0)
    {
      gnutls_rnd (GNUTLS_RND_NONCE, ret_key, SATCHEL_AUTH_CACHE_KEY_BYTES);
      return;
    }
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    gnutls_hmac (hmac, parts[i], strlen (parts[i]) + 1); /* with its NUL: no part runs into the next */
  gnutls_hmac_deinit (hmac, ret_key);
}

gboolean
satchel_auth_cache_has (SatchelAuthCache *cache, const guint8 key[SATCHEL_AUTH_CACHE_KEY_BYTES], gint64 now_ms)
{
  const gint64 *until_ms = satchel_lru_find (cache->verified, key, SATCHEL_AUTH_CACHE_KEY_BYTES);
  if (until_ms == NULL)
    return FALSE;
  if (*until_ms > now_ms)
    return TRUE;
  satchel_lru_remove (cache->verified, key, SATCHEL_AUTH_CACHE_KEY_BYTES);
  return FALSE;
}

void
satchel_auth_cache_add (SatchelAuthCache *cache, const guint8 key[SATCHEL_AUTH_CACHE_KEY_BYTES], gint64 until_ms)
{
  *(gint64 *) satchel_lru_add (cache->verified, key, SATCHEL_AUTH_CACHE_KEY_BYTES) = until_ms;
}

void
satchel_auth_cache_clear (SatchelAuthCache *cache)
{
  satchel_lru_clear (cache->verified);
}
