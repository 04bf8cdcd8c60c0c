/* SPDX-License-Identifier: MIT
 * Copies of rings that lie beside the mail, and what role auth takes of one.  A copy has sealed slots only.
 * It is believed when something that a login brought opens it: who may write the mail can make one up, but no
 * slot that the user's password opens.
 */
#pragma once
#include "login.h"

/* Returns the copy of @ring as text; yours.  NULL: it is larger than what is kept. */
GBytes *crypt_copy_of (const CryptRing *ring);
/* Returns what is new to tell of the copy of @ring, or NULL: this process told it already, within a day. */
GBytes *crypt_copy_news (const CryptRing *ring);
/* Reads the copy that belongs to @user; yours.  What must not be in one is dropped. */
CryptRing *crypt_copy_parse (const char *user, const char *text, gsize len, GError **error);
/* Makes @copy, whose present key is @secret, the ring of its user, or adds its keys to those of before of the
 * ring that is there; @opener opens what it can of them.  It is stored then.  Between lock and unlock of
 * rings. */
gboolean crypt_copy_adopt (const CryptRing *copy, GBytes *secret, const CryptOpener *opener, GError **error);
/* Returns the present private half of @copy that @opener opens; yours, or NULL. */
GBytes *crypt_copy_open (const CryptRing *copy, const CryptOpener *opener);
/* Takes the copy that waits for a login of the user, if this login opens it.  TRUE: the ring has changed. */
gboolean crypt_copy_take (const CryptLogin *login);
/* Forgets what was told. */
void crypt_copy_forget (void);
