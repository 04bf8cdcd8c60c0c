/* SPDX-License-Identifier: MIT
 * Recovery keys.
 */
#include "recovery.h"

#include <sodium.h>
#include <string.h>

#define BITS_OF_CHAR 5u
#define GROUP_CHARS 4u

/* Those of base32 (RFC 4648 6), which have no 0, 1, 8 and 9. */
static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";

static CryptOpener
opener_of (char *chars)
{
  return (CryptOpener) { .kind = CRYPT_BY_RECOVERY,
                         .name = "recovery",
                         .variant = "",
                         .data = (const guint8 *) chars,
                         .len = CRYPT_RECOVERY_CHARS };
}

CryptOpener
crypt_recovery_make (char ret_shown[CRYPT_RECOVERY_SHOWN + 1])
{
  char *chars = g_malloc0 (CRYPT_RECOVERY_CHARS + 1);
  guint at = 0;
  for (guint i = 0; i < CRYPT_RECOVERY_CHARS; i++)
    {
      chars[i] = letters[randombytes_uniform (1u << BITS_OF_CHAR)];
      if (i > 0 && i % GROUP_CHARS == 0)
        ret_shown[at++] = '-';
      ret_shown[at++] = chars[i];
    }
  ret_shown[at] = '\0';
  return opener_of (chars);
}

gboolean
crypt_recovery_read (const char *typed, CryptOpener *ret_opener)
{
  char *chars = g_malloc0 (CRYPT_RECOVERY_CHARS + 1);
  guint n = 0;
  for (; *typed != '\0' && n <= CRYPT_RECOVERY_CHARS; typed++)
    {
      char letter = g_ascii_tolower (*typed);
      if (*typed == '-' || *typed == ' ')
        continue;
      if (n == CRYPT_RECOVERY_CHARS || strchr (letters, letter) == NULL)
        break;
      chars[n++] = letter;
    }
  CryptOpener opener = opener_of (chars);
  if (n == CRYPT_RECOVERY_CHARS && *typed == '\0')
    *ret_opener = opener;
  else
    crypt_recovery_clear (&opener);
  return opener.data != NULL;
}

void
crypt_recovery_clear (CryptOpener *opener)
{
  if (opener->data != NULL)
    sodium_memzero ((guint8 *) opener->data, opener->len);
  g_free ((guint8 *) opener->data);
  opener->data = NULL;
}

gboolean
crypt_recovery_put (CryptRing *ring, GBytes *secret, char ret_shown[CRYPT_RECOVERY_SHOWN + 1], GError **error)
{
  CryptSlot slot;
  CryptOpener opener = crypt_recovery_make (ret_shown);
  gboolean ok = crypt_slot_seal (&slot, &opener, NULL, &ring->half, secret, error)
                && crypt_ring_put (ring, &slot, error);
  crypt_recovery_clear (&opener);
  return ok;
}
