/* SPDX-License-Identifier: MIT
 * Declares what the master key is for: secrets are sealed with it, and what need only be recognised is kept
 * as a keyed hash. Any thread.
 */
#pragma once
#include "code.h"

#include <satchel/error.h>

#define TOTP_HASH_BYTES 16u
#define TOTP_MASTER_CHARS_MIN 32u

typedef struct TotpKeys TotpKeys;
/* Derives keys from the text of the secret setting. NULL means that it is too short. */
TotpKeys *totp_keys_new (const char *master, GError **error);
void totp_keys_free (TotpKeys *keys);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TotpKeys, totp_keys_free)

/* Seals a secret by XChaCha20-Poly1305, with the user and the id of the key as associated data. Returns
 * "KEYID:BASE64", which the caller frees. */
char *totp_seal (const TotpKeys *keys, const char *user, const guint8 *secret, gsize len);
/* Opens what totp_seal made; the caller wipes @ret_secret. FALSE means another key, another user, or
 * damage. */
gboolean totp_unseal (const TotpKeys *keys, const char *user, const char *sealed,
                      guint8 ret_secret[TOTP_SECRET_BYTES_MAX], gsize *ret_len, GError **error);
/* Keyed hashes cannot be made anew when the master key changes, so their key is kept then, sealed with the
 * new one.  Takes over the key of @others' hashes. */
void totp_keys_share_hashes (TotpKeys *keys, const TotpKeys *others);
char *totp_keys_seal_hashes (const TotpKeys *keys); /* yours */
/* Says whether @sealed was made with these keys, as far as their id tells. */
gboolean totp_keys_have_sealed (const TotpKeys *keys, const char *sealed);
/* Takes over the key of hashes. FALSE means another key, or damage. */
gboolean totp_keys_unseal_hashes (TotpKeys *keys, const char *sealed, GError **error);
/* Makes a keyed hash of @text of @user; @what keeps kinds apart. */
void totp_hash (const TotpKeys *keys, const char *what, const char *user, const char *text,
                guint8 ret_hash[TOTP_HASH_BYTES]);
