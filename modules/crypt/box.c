/* SPDX-License-Identifier: MIT
 * Slots for whoever has the private half of a pair.  What both sides compute is that of RFC 7748 6.1, with
 * both public halves behind it, as that asks for.
 */
#include "box.h"

#include <sodium.h>
#include <string.h>

G_STATIC_ASSERT (crypto_scalarmult_BYTES == CRYPT_KEY_BYTES);

void
crypt_box_name (const CryptPublic *to, char ret_name[CRYPT_BOX_NAME_CHARS + 1])
{
  sodium_bin2hex (ret_name, CRYPT_BOX_NAME_CHARS + 1, to->id, sizeof to->id);
}

/* Computes what opens the slot, from the private half of one side and the public half of the other. */
static gboolean
agree (CryptBox *box, CryptOpenerKind kind, const guint8 *private, const guint8 *other,
       const guint8 ephemeral[CRYPT_KEY_BYTES], const CryptPublic *to)
{
  guint8 shared[CRYPT_KEY_BYTES];
  gboolean ok = crypto_scalarmult (shared, private, other) == 0;
  memset (box, 0, sizeof *box);
  memcpy (box->data, shared, CRYPT_KEY_BYTES);
  memcpy (box->data + CRYPT_KEY_BYTES, ephemeral, CRYPT_KEY_BYTES);
  memcpy (box->data + 2 * CRYPT_KEY_BYTES, to->bytes, CRYPT_KEY_BYTES);
  sodium_memzero (shared, sizeof shared);
  crypt_box_name (to, box->name);
  sodium_bin2hex (box->variant, sizeof box->variant, ephemeral, CRYPT_KEY_BYTES);
  box->opener = (CryptOpener) {
    .kind = kind, .name = box->name, .variant = box->variant, .data = box->data, .len = sizeof box->data
  };
  return ok;
}

gboolean
crypt_box_for (CryptBox *box, CryptOpenerKind kind, const CryptPublic *to, GError **error)
{
  guint8 half[CRYPT_KEY_BYTES], private[CRYPT_KEY_BYTES];
  crypto_box_keypair (half, private);
  gboolean ok = agree (box, kind, private, to->bytes, half, to);
  sodium_memzero (private, sizeof private);
  return ok || satchel_error_set (error, SATCHEL_ERROR_INVALID, "the public key is none");
}

gboolean
crypt_box_by (CryptBox *box, const CryptSlot *slot, const CryptPublic *to, GBytes *secret, GError **error)
{
  guint8 ephemeral[CRYPT_KEY_BYTES];
  gsize n = 0;
  memset (box, 0, sizeof *box);
  return (sodium_hex2bin (ephemeral, sizeof ephemeral, slot->variant, strlen (slot->variant), NULL, &n, NULL)
              == 0
          && n == sizeof ephemeral
          && agree (box, slot->kind, g_bytes_get_data (secret, NULL), ephemeral, ephemeral, to))
         || satchel_error_set (error, SATCHEL_ERROR_NOPERM, "the slot \"%s\" has no key", slot->name);
}

void
crypt_box_clear (CryptBox *box)
{
  sodium_memzero (box, sizeof *box);
}
