/* SPDX-License-Identifier: MIT
 * The slot of the recovery key as auth tells it to the layer, so that a command beside the mail can open the
 * mail with the recovery key.  Whoever has the slot alone has nothing: it is sealed with 160 random bits.
 */
#pragma once
#include "ring.h"

#include <satchel/storage.h>

#define CRYPT_RECOVERY_ATTRIBUTE "crypt.recovery" /* of the user: "SALT SEALED" in hexadecimal digits */

/* Returns the value of the attribute; yours.  NULL: the ring has no such slot. */
char *crypt_recovery_slot_text (const CryptRing *ring);
/* Opens the key of the mail with what was typed.  NOPERM: it does not open it.  Yours. */
CryptKeys *crypt_recovery_open (SatchelStorage *level, const char *typed, GError **error);
