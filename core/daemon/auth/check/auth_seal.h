/* SPDX-License-Identifier: MIT
 * Secrets that can be read only with the key that sealed them.  Pure; any thread.
 */
#pragma once
#include <satchel/secret.h>

#define SATCHEL_SEAL_KEY_BYTES 32

/* Encrypts and authenticates @secret.  NULL means that there are no random numbers, or that the library
 * failed. */
GBytes *satchel_seal (const guint8 key[SATCHEL_SEAL_KEY_BYTES], GBytes *secret);
/* Returns the secret that was sealed with this key, as satchel_secret_new makes it.  NULL means that another
 * key sealed it, or that it was changed. */
GBytes *satchel_unseal (const guint8 key[SATCHEL_SEAL_KEY_BYTES], GBytes *sealed);
