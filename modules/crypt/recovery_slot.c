/* SPDX-License-Identifier: MIT
 * The slot of the recovery key, told and opened.
 */
#include "recovery_slot.h"
#include "recovery.h"
#include "state.h"

#include <sodium.h>
#include <string.h>

char *
crypt_recovery_slot_text (const CryptRing *ring)
{
  char salt[2 * CRYPT_SALT_BYTES + 1], sealed[2 * CRYPT_SEALED_KEY_BYTES + 1];
  for (guint i = 0; i < ring->slots->len; i++)
    {
      const CryptSlot *slot = &g_array_index (ring->slots, CryptSlot, i);
      if (slot->kind == CRYPT_BY_RECOVERY)
        return g_strdup_printf ("%s %s", sodium_bin2hex (salt, sizeof salt, slot->salt, sizeof slot->salt),
                                sodium_bin2hex (sealed, sizeof sealed, slot->sealed, sizeof slot->sealed));
    }
  return NULL;
}

static gboolean
read_hex (const char *digits, guint8 *ret, gsize len)
{
  gsize n = 0;
  return strlen (digits) == 2 * len && sodium_hex2bin (ret, len, digits, 2 * len, NULL, &n, NULL) == 0
         && n == len;
}

static gboolean
read_slot (SatchelStorage *level, const CryptOpener *opener, CryptSlot *slot, CryptPublic *half)
{
  CryptState state;
  g_autofree char *told = satchel_storage_user_attribute (level, CRYPT_RECOVERY_ATTRIBUTE),
                  *said = satchel_storage_user_attribute (level, CRYPT_ATTRIBUTE);
  g_auto (GStrv) words = g_strsplit (told != NULL ? told : "", " ", 3);
  *slot = (CryptSlot) { .kind = opener->kind };
  g_strlcpy (slot->name, opener->name, sizeof slot->name);
  if (said == NULL || !crypt_state_parse (said, &state) || g_strv_length (words) != 2)
    return FALSE;
  *half = state.half;
  return read_hex (words[0], slot->salt, sizeof slot->salt)
         && read_hex (words[1], slot->sealed, sizeof slot->sealed);
}

CryptKeys *
crypt_recovery_open (SatchelStorage *level, const char *typed, GError **error)
{
  CryptOpener opener = { 0 };
  CryptSlot slot;
  CryptPublic half;
  g_autoptr (GBytes) secret = NULL;
  if (crypt_recovery_read (typed, &opener) && read_slot (level, &opener, &slot, &half))
    secret = crypt_slot_open (&slot, &opener, &half, NULL);
  crypt_recovery_clear (&opener);
  CryptKeys *keys = crypt_keys_new (secret);
  if (keys == NULL)
    satchel_error_set (error, SATCHEL_ERROR_NOPERM, "that is not the recovery key of %s",
                       level->identity->user);
  return keys;
}
