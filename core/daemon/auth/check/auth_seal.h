/* SPDX-License-Identifier: MIT
 * Secrets that can be read only with the key that sealed them.  Pure; any thread.
 */
#pragma once
#include <satchel/secret.h>

#define SATCHEL_SEAL_KEY_BYTES 32

/* NULL means: out of random numbers, or the library fails. */
GBytes *satchel_seal (const guint8 key[SATCHEL_SEAL_KEY_BYTES], GBytes *secret);
/* Returns what was sealed with this key, as of satchel_secret_new; NULL: another key, or it was changed. */
GBytes *satchel_unseal (const guint8 key[SATCHEL_SEAL_KEY_BYTES], GBytes *sealed);
