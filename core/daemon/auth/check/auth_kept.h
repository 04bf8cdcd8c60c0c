/* SPDX-License-Identifier: MIT
 * Declares verified logins in memory that outlives the auth process: a block that master makes, never maps,
 * and gives to each auth process in turn. Each entry has a tag, since auth may have died while it wrote one,
 * and so that nobody without the installation's secret can make one. Pure; main thread only. Decision 0083.
 */
#pragma once
#include "core/daemon/auth/check/auth_cache.h"
#include "core/daemon/role/role.h"

/* This bounds sealed keys in bytes; entries with longer ones are not kept. */
#define SATCHEL_KEPT_SEALED_MAX 110u

/* Opens the block.  @area has SATCHEL_REMEMBERED_BYTES, and is borrowed.  All of it is forgotten if it comes
 * from another generation of the configuration, or was not written with this secret.  NULL means that it
 * cannot be used. */
SatchelKept *satchel_kept_new (gpointer area, guint64 generation);
void satchel_kept_free (SatchelKept *kept); /* The entries stay in the block. */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelKept, satchel_kept_free)
/* Returns the key of digests, made of the installation's secret and of a random value that only this memory
 * has. */
const guint8 *satchel_kept_key (const SatchelKept *kept);
/* Returns the slot that it took, or SATCHEL_KEPT_NONE.  @sealed: NULL, or what the login unlocked. */
#define SATCHEL_KEPT_NONE G_MAXUINT
guint satchel_kept_put (SatchelKept *kept, const guint8 digest[SATCHEL_AUTH_CACHE_KEY_BYTES], gint64 until_ms,
                        GBytes *sealed);
void satchel_kept_drop (SatchelKept *kept, guint slot);
/* Forgets everything; what comes belongs to @generation. */
void satchel_kept_clear (SatchelKept *kept, guint64 generation);
typedef void (*SatchelKeptFunc) (guint slot, const guint8 digest[SATCHEL_AUTH_CACHE_KEY_BYTES],
                                 gint64 until_ms, GBytes *sealed, gpointer data);
/* Tells what an earlier process left and is good at @now_ms, once, after satchel_kept_new; the rest is wiped.
 * @sealed is lent. */
void satchel_kept_load (SatchelKept *kept, gint64 now_ms, SatchelKeptFunc func, gpointer data);
