/* SPDX-License-Identifier: MIT
 * The key pair of a user's mail.  Whoever has the public half can seal; the private half is a secret
 * (<satchel/secret.h>), and comes with the login.  Any thread.
 */
#pragma once
#include <satchel/secret.h>

#define CRYPT_KEY_BYTES 32u    /* of either half, X25519 */
#define CRYPT_KEY_ID_BYTES 16u /* of a public half: it says which pair opens a message */

/* The public half. */
typedef struct CryptPublic
{
  guint8 bytes[CRYPT_KEY_BYTES];
  guint8 id[CRYPT_KEY_ID_BYTES];
} CryptPublic;
void crypt_public_set (CryptPublic *half, const guint8 bytes[CRYPT_KEY_BYTES]);

/* What a login unlocked: one private half or more, the present one first.  Immutable and counted; the halves
 * and what is derived of them are wiped with the last reference. */
typedef struct CryptKeys CryptKeys;
typedef struct CryptKey
{
  CryptPublic half;
  GBytes *secret;    /* the private half */
  GBytes *index_key; /* for what is sealed with the key at hand; follows from the private half */
} CryptKey;
/* Makes keys of @secret, whose length is a multiple of CRYPT_KEY_BYTES.  NULL: @secret is NULL or no such
 * secret, or there is no memory. */
CryptKeys *crypt_keys_new (GBytes *secret);
CryptKeys *crypt_keys_ref (CryptKeys *keys);
void crypt_keys_unref (CryptKeys *keys);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CryptKeys, crypt_keys_unref)
/* Finds the key with the public half @id, borrowed.  NULL: there is none, or @keys is NULL. */
const CryptKey *crypt_keys_find (const CryptKeys *keys, const guint8 id[CRYPT_KEY_ID_BYTES]);
/* Returns the key that seals now, borrowed. */
const CryptKey *crypt_keys_first (const CryptKeys *keys);

/* Makes a new private half; yours.  NULL: there is no memory. */
GBytes *crypt_key_generate (void);
