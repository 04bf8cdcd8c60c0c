/* SPDX-License-Identifier: MIT
 * Declares the cache of logins that were verified lately, so that a client that connects often does not cost
 * a hash each time. An entry is a keyed digest of all that made the login right, so a change of any of it
 * gives another digest. Pure; main thread only.
 */
#pragma once
#include <satchel/auth.h>

#define SATCHEL_AUTH_CACHE_KEY_BYTES 32

typedef struct SatchelAuthCache SatchelAuthCache;
typedef struct SatchelKept SatchelKept; /* auth_kept.h */
/* Makes an empty cache.  @kept (borrowed) is where entries outlive this process; NULL means nowhere. */
SatchelAuthCache *satchel_auth_cache_new (SatchelKept *kept, GError **error);
/* Takes over what an earlier process had verified. */
void satchel_auth_cache_load (SatchelAuthCache *cache, gint64 now_ms);
void satchel_auth_cache_free (SatchelAuthCache *cache);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelAuthCache, satchel_auth_cache_free)
/* Makes the digest over the user, the secret, the stored verifier and @factors (which second factors looked
 * at this login). Never for a secret with a code in it. */
void satchel_auth_cache_key (SatchelAuthCache *cache, const char *user, const char *secret,
                             const char *verifier, const char *factors,
                             guint8 ret_key[SATCHEL_AUTH_CACHE_KEY_BYTES]);
/* Says whether the login was verified lately.  *ret_unlocked is the key that it unlocked then (a reference,
 * or NULL); it is opened with @secret, since the cache itself cannot open it. */
gboolean satchel_auth_cache_find (SatchelAuthCache *cache, const guint8 key[SATCHEL_AUTH_CACHE_KEY_BYTES],
                                  const char *secret, gint64 now_ms, GBytes **ret_unlocked);
/* Adds a login.  @unlocked has at most SATCHEL_SECRET_BYTES_MAX bytes, or is NULL; it is stored sealed under
 * @secret. */
void satchel_auth_cache_add (SatchelAuthCache *cache, const guint8 key[SATCHEL_AUTH_CACHE_KEY_BYTES],
                             const char *secret, GBytes *unlocked, gint64 until_ms);
guint satchel_auth_cache_count (SatchelAuthCache *cache);
/* Forgets entries whose time is over. */
void satchel_auth_cache_expire (SatchelAuthCache *cache, gint64 now_ms);
void satchel_auth_cache_clear (SatchelAuthCache *cache);
