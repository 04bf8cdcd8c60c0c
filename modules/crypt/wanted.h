/* SPDX-License-Identifier: MIT
 * A password that was changed elsewhere opens nothing.  It leaves a pair of keys in the ring whose private
 * half it opens; whatever opens the ring seals the user's key for that pair, and then the password has it.
 * Nothing lies readable meanwhile.
 */
#pragma once
#include "ring.h"

/* Puts a new pair for the password @opener in the place of any other. */
gboolean crypt_wanted_put (CryptRing *ring, const CryptOpener *opener, const CryptCost *cost, GError **error);
/* Says whether there is a pair, whether it has no key yet, and whether it is that of the password @opener. */
gboolean crypt_wanted_is_there (const CryptRing *ring);
gboolean crypt_wanted_is_waiting (const CryptRing *ring);
gboolean crypt_wanted_is_of (const CryptRing *ring, const CryptOpener *opener);
/* Gives it the user's key. */
gboolean crypt_wanted_give (CryptRing *ring, GBytes *secret, GError **error);
/* Returns the user's key if the password has been given it; yours, or NULL. */
GBytes *crypt_wanted_take (const CryptRing *ring, const CryptOpener *opener);
void crypt_wanted_clear (CryptRing *ring);
