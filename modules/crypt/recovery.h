/* SPDX-License-Identifier: MIT
 * Recovery keys: 160 random bits as 32 letters and digits, shown in groups of four.
 */
#pragma once
#include "ring.h"

#define CRYPT_RECOVERY_CHARS 32u
#define CRYPT_RECOVERY_SHOWN (CRYPT_RECOVERY_CHARS + CRYPT_RECOVERY_CHARS / 4 - 1)

/* Makes one: the opener of its slot, whose data crypt_recovery_clear frees, and what is shown. */
CryptOpener crypt_recovery_make (char ret_shown[CRYPT_RECOVERY_SHOWN + 1]);
/* Reads what was typed; hyphens, blanks and case do not count.  FALSE: it is no recovery key. */
gboolean crypt_recovery_read (const char *typed, CryptOpener *ret_opener);
void crypt_recovery_clear (CryptOpener *opener); /* wipes */
/* Adds a slot for a new recovery key, in place of an earlier one, and writes the key to @ret_shown. */
gboolean crypt_recovery_put (CryptRing *ring, GBytes *secret, char ret_shown[CRYPT_RECOVERY_SHOWN + 1],
                             GError **error);
