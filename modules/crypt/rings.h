/* SPDX-License-Identifier: MIT
 * The files of rings, one a user, in a directory that role auth alone can reach.
 */
#pragma once
#include "ring.h"

/* Names the directory, which is made with the first ring.  Before any other call, in one thread; NULL frees
 * what is kept. */
void crypt_rings_set_path (const char *path);
/* Reads the ring of @user; yours.  NONEXISTENT: there is none.  Any thread; one small file is read. */
CryptRing *crypt_rings_load (const char *user, GError **error);
/* These begin and end a change of any ring: between them nobody else changes one.  [blocks] */
void crypt_rings_lock (void);
void crypt_rings_unlock (void);
/* The same of a copy that waits for a login of the user: whether there is one, its ring, stored and removed.
 */
gboolean crypt_rings_has_copy (const char *user);
CryptRing *crypt_rings_load_copy (const char *user, GError **error);
gboolean crypt_rings_store_copy (const CryptRing *copy, GError **error);
gboolean crypt_rings_remove_copy (const char *user, GError **error);
/* Stores the ring, new or changed, durably: whatever happens meanwhile, the old one or the new one is there,
 * whole.  [blocks] */
gboolean crypt_rings_store (const CryptRing *ring, GError **error);
/* Removes the ring, durably. [blocks] */
gboolean crypt_rings_remove (const CryptRing *ring, GError **error);
