/* SPDX-License-Identifier: MIT
 * Declares app passwords as texts: 26 characters of Crockford's base32, which are 130 random bits.
 */
#pragma once
#include <satchel/auth.h>

#define APP_SECRET_CHARS 26u
#define APP_SHOWN_CHARS (APP_SECRET_CHARS + 4u) /* characters with hyphens between groups */
#define APP_TYPED_MAX 64u                       /* a longer text is no app password */
#define APP_HASH_BYTES SATCHEL_DERIVED_BYTES

/* Makes a random secret. FALSE means that the system has no random bytes. */
gboolean app_secret_make (char ret_secret[APP_SECRET_CHARS + 1], GError **error);
/* Writes the secret in groups, as people read and type it. */
void app_secret_show (const char *secret, char ret_text[APP_SHOWN_CHARS + 1]);
/* Finds the secret in what somebody typed: case, blanks and hyphens do not count, and I, L and O are read as
 * the digits that they look like. FALSE means that there is none. */
gboolean app_secret_read (const char *typed, char ret_secret[APP_SECRET_CHARS + 1]);
/* Makes what is stored: a hash keyed with the secret of the installation. FALSE means that it cannot be
 * computed. */
gboolean app_secret_hash (const char *user, const char *secret, guint8 ret_hash[APP_HASH_BYTES]);
/* Makes a hash by which a file shows that it was made with the same secret of the installation. */
gboolean app_secret_mark (guint8 ret_hash[APP_HASH_BYTES]);
/* Compares two hashes in a time that does not depend on where they differ. */
gboolean app_hash_equal (const guint8 a[APP_HASH_BYTES], const guint8 b[APP_HASH_BYTES]);

/* Makes @n random characters of small letters and digits, for ids. */
gboolean app_random_text (char *ret_text, guint n, GError **error);
