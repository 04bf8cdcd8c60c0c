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
/* Says which file has a ring, and what state that is in: whoever changes a ring makes another file. */
typedef struct CryptRingStamp
{
  guint64 device, inode, n_bytes;
  gint64 modified_ns, changed_ns;
} CryptRingStamp;
/* Returns 0 or an errno; ENOENT: there is no ring. */
int crypt_rings_stamp (const char *user, CryptRingStamp *ret_stamp);
gboolean crypt_ring_stamp_is_same (const CryptRingStamp *one, const CryptRingStamp *other);
/* Says whether any later change of the file, also one of somebody who writes into it, has another stamp:
 * clocks of file systems tick seldom. */
gboolean crypt_ring_stamp_is_settled (const CryptRingStamp *stamp);
/* Does what crypt_rings_load does; *ret_stamp is that of the file which was read. */
CryptRing *crypt_rings_load_stamped (const char *user, CryptRingStamp *ret_stamp, GError **error);
/* These begin and end a change of any ring: between them nobody else changes one.  [blocks] */
void crypt_rings_lock (void);
void crypt_rings_unlock (void);
/* The same of a copy that waits for a login of the user: whether there is one, its ring, stored and removed.
 */
gboolean crypt_rings_has_copy (const char *user);
CryptRing *crypt_rings_load_copy (const char *user, GError **error);
gboolean crypt_rings_store_copy (const CryptRing *copy, GError **error);
gboolean crypt_rings_remove_copy (const char *user, GError **error);
/* Say whether an administrator wants the user's mail in clear, and note that he does, or no more, durably.
 * [blocks] */
gboolean crypt_rings_is_clear (const char *user);
gboolean crypt_rings_set_clear (const char *user, gboolean is_clear, GError **error);
/* Stores the ring, new or changed, durably: whatever happens meanwhile, the old one or the new one is there,
 * whole.  [blocks] */
gboolean crypt_rings_store (const CryptRing *ring, GError **error);
/* Removes the ring, durably. [blocks] */
gboolean crypt_rings_remove (const CryptRing *ring, GError **error);
