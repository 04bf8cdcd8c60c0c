/* SPDX-License-Identifier: MIT
 * Declares the keys of SCRAM (RFC 5802, RFC 7677), for passdbs that store them and mechanisms that use them.
 * Any thread.
 */
#pragma once
#include <satchel/error.h>

G_BEGIN_DECLS

typedef enum
{
  SATCHEL_SCRAM_SHA_1 = 1,
  SATCHEL_SCRAM_SHA_256
} SatchelScramHash;

#define SATCHEL_SCRAM_KEY_MAX 32u
#define SATCHEL_SCRAM_SALT_MAX 64u
#define SATCHEL_SCRAM_ITERATIONS_MIN 4096u
#define SATCHEL_SCRAM_ITERATIONS_MAX 10000000u

typedef struct SatchelScramKeys
{
  SatchelScramHash hash;
  guint iterations;
  gsize salt_len;
  guint8 salt[SATCHEL_SCRAM_SALT_MAX];
  guint8 stored_key[SATCHEL_SCRAM_KEY_MAX], server_key[SATCHEL_SCRAM_KEY_MAX]; /* the first bytes of each */
  SATCHEL_RESERVED (2);
} SatchelScramKeys;

/* Returns the name, "SCRAM-SHA-256". */
SATCHEL_API const char *satchel_scram_hash_name (SatchelScramHash hash);
SATCHEL_API gsize satchel_scram_hash_bytes (SatchelScramHash hash);
/* Makes the keys of @password (which is prepared as satchel_secret_prepare says) with a new salt, or that of
 * @salt_len bytes at @salt. It is as dear as @iterations. [blocks] */
SATCHEL_API gboolean satchel_scram_keys_make (SatchelScramHash hash, const char *password, const guint8 *salt,
                                              gsize salt_len, guint iterations, SatchelScramKeys *ret_keys,
                                              GError **error);
/* Finds those of @hash among @text (RFC 5803 2: "SCRAM-SHA-256$4096:SALT$STORED:SERVER", with a blank between
 * several).  FALSE means that there are none, or they are damaged. */
SATCHEL_API gboolean satchel_scram_keys_parse (const char *text, SatchelScramHash hash,
                                               SatchelScramKeys *ret_keys);
/* Computes the ClientKey of @password (which is prepared), in the first bytes of @ret_client_key; it is as
 * dear as the iterations of @keys.  FALSE: that is not the password of @keys. [blocks] */
SATCHEL_API gboolean satchel_scram_client_key (const SatchelScramKeys *keys, const char *password,
                                               guint8 ret_client_key[SATCHEL_SCRAM_KEY_MAX]);
SATCHEL_API char *satchel_scram_keys_format (const SatchelScramKeys *keys); /* yours */
/* Says whether @proof (as many bytes as the hash has) is that of a client which knows the password. It yields
 * the ClientKey. */
SATCHEL_API gboolean satchel_scram_check_proof (const SatchelScramKeys *keys, const char *auth_message,
                                                const guint8 *proof,
                                                guint8 ret_client_key[SATCHEL_SCRAM_KEY_MAX]);
/* Computes ServerSignature. */
SATCHEL_API void satchel_scram_sign (const SatchelScramKeys *keys, const char *auth_message,
                                     guint8 ret_signature[SATCHEL_SCRAM_KEY_MAX]);

G_END_DECLS
