/* SPDX-License-Identifier: MIT
 * This file changes the master key: everything that is sealed with it is sealed anew, at once.
 */
#include "totp.h"

#include <satchel/hash.h>
#include <satchel/log.h>
#include <sodium.h>

typedef struct Resealing
{
  GHashTable *sealed; /* user -> the secret, sealed with the new keys */
  GError *error;
} Resealing;

static void
reseal_user (const TotpUser *user, gpointer data)
{
  Resealing *resealing = data;
  guint8 secret[TOTP_SECRET_BYTES_MAX];
  gsize len;
  if (resealing->error != NULL
      || !totp_unseal (totp.keys, user->name, user->sealed, secret, &len, &resealing->error))
    return;
  g_hash_table_replace (resealing->sealed, g_strdup (user->name),
                        totp_seal (totp.new_keys, user->name, secret, len));
  sodium_memzero (secret, sizeof secret);
}

static gboolean
check_new_keys (GError **error)
{
  if (totp.new_keys == NULL)
    return satchel_error_set (
        error, SATCHEL_ERROR_INVALID,
        "there is no new key: all is sealed with the one that totp.new_key names, or "
        "with totp.key; to change it, set totp.new_key to another and restart the server");
  g_autofree char *sample = totp_keys_seal_hashes (totp.new_keys);
  return !totp_keys_have_sealed (totp.keys, sample)
         || satchel_error_set (
             error, SATCHEL_ERROR_INVALID,
             "totp.new_key is the same key as totp.key; make another one with: openssl rand "
             "-hex 32");
}

gboolean
totp_rekey (guint *ret_n, GError **error)
{
  if (!check_new_keys (error))
    return FALSE;
  Resealing resealing = { g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, g_free), NULL };
  totp_state_foreach (totp.state, reseal_user, &resealing);
  totp_keys_share_hashes (totp.new_keys, totp.keys);
  g_autofree char *hash_key = totp_keys_seal_hashes (totp.new_keys);
  *ret_n = g_hash_table_size (resealing.sealed);
  gboolean ok = resealing.error == NULL && totp_state_reseal (totp.state, resealing.sealed, hash_key, error);
  if (ok)
    totp_change_keys ();
  if (resealing.error != NULL)
    g_propagate_error (error, resealing.error);
  g_hash_table_unref (resealing.sealed);
  return ok;
}
