/* SPDX-License-Identifier: MIT
 * Reads and writes how the mail of a user is to lie on the disk.
 */
#include "state.h"

#include <sodium.h>
#include <string.h>

#define OFF "off"
#define OPENING "opening"
#define REKEYING "rekeying"
#define DIGITS (2 * CRYPT_KEY_BYTES)

static gboolean
read_half (const char *digits, CryptPublic *ret_half)
{
  guint8 bytes[CRYPT_KEY_BYTES];
  gsize n = 0;
  if (strlen (digits) != DIGITS || sodium_hex2bin (bytes, sizeof bytes, digits, DIGITS, NULL, &n, NULL) != 0
      || n != sizeof bytes)
    return FALSE;
  crypt_public_set (ret_half, bytes);
  return TRUE;
}

gboolean
crypt_state_parse (const char *text, CryptState *ret_state)
{
  *ret_state = (CryptState) { .is_known = text != NULL };
  if (text == NULL)
    return TRUE;
  if (strlen (text) > CRYPT_STATE_BYTES_MAX)
    return FALSE;
  g_auto (GStrv) words = g_strsplit (text, " ", 4);
  const guint n = g_strv_length (words);
  if (n == 0 || n > 3
      || (n > 1 && !g_ascii_string_to_unsigned (words[1], 10, 0, G_MAXINT64, &ret_state->serial, NULL)))
    return FALSE;
  if (strcmp (words[0], OFF) == 0)
    return n == 2;
  ret_state->is_opening = n == 3 && strcmp (words[2], OPENING) == 0;
  ret_state->is_rekeying = n == 3 && strcmp (words[2], REKEYING) == 0;
  ret_state->is_sealed = !ret_state->is_opening;
  return (n < 3 || ret_state->is_opening || ret_state->is_rekeying) && read_half (words[0], &ret_state->half);
}

static char *
digits_of (const CryptPublic *half)
{
  char *digits = g_malloc (DIGITS + 1);
  return sodium_bin2hex (digits, DIGITS + 1, half->bytes, sizeof half->bytes);
}

char *
crypt_state_to_text (const CryptState *state)
{
  if (!state->is_sealed)
    return g_strdup_printf (OFF " %" G_GUINT64_FORMAT, state->serial);
  return crypt_state_of_ring (&state->half, state->serial, FALSE, FALSE);
}

char *
crypt_state_of_ring (const CryptPublic *half, guint64 serial, gboolean is_opening, gboolean is_rekeying)
{
  g_autofree char *digits = digits_of (half);
  return g_strdup_printf ("%s %" G_GUINT64_FORMAT "%s", digits, serial,
                          is_opening    ? " " OPENING
                          : is_rekeying ? " " REKEYING
                                        : "");
}

void
crypt_state_id (const CryptState *state, guint8 ret_id[CRYPT_KEY_ID_BYTES])
{
  memset (ret_id, 0, CRYPT_KEY_ID_BYTES);
  if (state->is_sealed)
    memcpy (ret_id, state->half.id, CRYPT_KEY_ID_BYTES);
}
