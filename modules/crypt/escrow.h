/* SPDX-License-Identifier: MIT
 * Escrow: a pair of keys of the site, if it has one.  Rings get a slot for its private half, which is on
 * paper, or with role auth, where it opens rings for logins that bring no secret.
 */
#pragma once
#include "ring.h"

/* Reads a key of 64 hexadecimal digits: either half. FALSE: it is none. */
gboolean crypt_escrow_parse (const char *digits, guint8 ret_bytes[CRYPT_KEY_BYTES]);
/* Sets the public half (NULL: there is no escrow), and forgets the private one.  Before any thread. */
void crypt_escrow_set (const CryptPublic *half);
/* Reads the private half from a file, for role auth.  FALSE: it is not that of the public one, or cannot be
 * read. */
gboolean crypt_escrow_load (const char *path, GError **error);

gboolean crypt_escrow_is_on (void);
/* Says whether the private half is here, and can open rings. */
gboolean crypt_escrow_has_key (void);
/* Says whether @ring has the slot that it should have, and no other. */
gboolean crypt_escrow_is_settled (const CryptRing *ring);
/* Makes it so; @secret is the present private half of @ring. */
gboolean crypt_escrow_settle (CryptRing *ring, GBytes *secret, GError **error);
/* Returns the present private half of @ring; yours.  NULL: nothing here opens it. */
GBytes *crypt_escrow_open (const CryptRing *ring);
/* Opens @ring with a private half that was typed; yours, or NULL. */
GBytes *crypt_escrow_open_by (const CryptRing *ring, const char *digits);
