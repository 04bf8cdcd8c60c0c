/* SPDX-License-Identifier: MIT
 * Slots for whoever has the private half of a pair (X25519): what opens such a slot is agreed on by its
 * ephemeral pair and the other one.  Pure, but for random bytes.
 */
#pragma once
#include "slot.h"

#define CRYPT_BOX_NAME_CHARS (2u * CRYPT_KEY_ID_BYTES)
#define CRYPT_BOX_SECRET_BYTES (3u * CRYPT_KEY_BYTES)

/* The opener of such a slot, and what it points to. */
typedef struct CryptBox
{
  CryptOpener opener;
  char name[CRYPT_BOX_NAME_CHARS + 1], variant[2 * CRYPT_KEY_BYTES + 1];
  guint8 data[CRYPT_BOX_SECRET_BYTES];
} CryptBox;

/* Writes the name of slots for the holder of @to: its key id in hexadecimal digits. */
void crypt_box_name (const CryptPublic *to, char ret_name[CRYPT_BOX_NAME_CHARS + 1]);
/* Fills @box for sealing a slot for the holder of @to, with a new ephemeral pair.  INVALID: @to is no key. */
gboolean crypt_box_for (CryptBox *box, CryptOpenerKind kind, const CryptPublic *to, GError **error);
/* Fills @box for opening @slot by @secret, the private half of @to.  NOPERM: the slot has no such key. */
gboolean crypt_box_by (CryptBox *box, const CryptSlot *slot, const CryptPublic *to, GBytes *secret,
                       GError **error);
void crypt_box_clear (CryptBox *box); /* wipes */
