/* SPDX-License-Identifier: MIT
 * A slot: the private half of a user's key, sealed with what one credential brings (FORMAT.md).  Pure, but
 * for random bytes; opening by a password takes the time and memory that its slot says.
 */
#pragma once
#include "key.h"

#include <satchel/error.h>

/* What opens a slot. */
typedef enum
{
  CRYPT_BY_PASSWORD = 1, /* the user's password: stretched by Argon2id */
  CRYPT_BY_CLIENT,       /* SCRAM's ClientKey; the variant is the mechanism */
  CRYPT_BY_APP,          /* an app password, which is random */
  CRYPT_BY_RECOVERY,     /* the recovery key, which is random */
  CRYPT_BY_FIRST_LOGIN,  /* a secret that lies in the ring until a login brings a better one */
  CRYPT_BY_ESCROW,       /* the site's private key (box.h) */
  CRYPT_BY_KEY,          /* another private key (box.h): the user's present one, or that of a `wanted` slot */
  CRYPT_WANTED           /* a password that opens nothing else yet: the slot has the private half of a pair by
                            which the key can be handed to it */
} CryptOpenerKind;
#define CRYPT_N_OPENERS (CRYPT_WANTED + 1)
extern const char *const crypt_opener_words[CRYPT_N_OPENERS];

#define CRYPT_SALT_BYTES 16u
#define CRYPT_SEALED_KEY_BYTES (24u + CRYPT_KEY_BYTES + 16u)
#define CRYPT_SLOT_NAME_MAX 64u
#define CRYPT_COST_MEMORY_MIN (8u * 1024u)
#define CRYPT_COST_MEMORY_MAX (1024u * 1024u * 1024u)
#define CRYPT_COST_PASSES_MAX 64u

/* What a password costs whoever tries it; zero where nothing is stretched. */
typedef struct CryptCost
{
  gsize memory_bytes;
  guint passes;
} CryptCost;

/* What opens, borrowed. */
typedef struct CryptOpener
{
  CryptOpenerKind kind;
  /* "password", the id of an app password, "recovery", "first-login"; of ESCROW and KEY the key id, and of
   * WANTED the public half, in hexadecimal digits */
  const char *name;
  const char *variant; /* of CLIENT the mechanism, of ESCROW and KEY the ephemeral public half, else "" */
  const guint8 *data;
  gsize len;
} CryptOpener;

typedef struct CryptSlot
{
  CryptOpenerKind kind;
  char name[CRYPT_SLOT_NAME_MAX + 1], variant[CRYPT_SLOT_NAME_MAX + 1];
  CryptCost cost;
  guint8 salt[CRYPT_SALT_BYTES], sealed[CRYPT_SEALED_KEY_BYTES];
} CryptSlot;

/* Says whether what opens such a slot is stretched. */
gboolean crypt_opener_is_stretched (CryptOpenerKind kind);
/* Fills @slot: @secret, the private half of @half, sealed with what @opener has.  @cost counts for passwords.
 * RESOURCES: there is no memory. */
gboolean crypt_slot_seal (CryptSlot *slot, const CryptOpener *opener, const CryptCost *cost,
                          const CryptPublic *half, GBytes *secret, GError **error);
/* Opens @slot of the ring of @half with what @opener has; yours.  NOPERM: it does not open it. */
GBytes *crypt_slot_open (const CryptSlot *slot, const CryptOpener *opener, const CryptPublic *half,
                         GError **error);
