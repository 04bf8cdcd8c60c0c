/* SPDX-License-Identifier: MIT
 * This file computes one-time codes.  The HMAC is that of GnuTLS, which the server needs anyway.
 */
#include "code.h"

#include <gnutls/crypto.h>
#include <string.h>

#define GROUP_CHARS 4u

static const char base32_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

static const struct
{
  const char *name;
  gnutls_mac_algorithm_t mac;
} algorithms[] = {
  [TOTP_SHA1] = { "SHA1", GNUTLS_MAC_SHA1 },
  [TOTP_SHA256] = { "SHA256", GNUTLS_MAC_SHA256 },
  [TOTP_SHA512] = { "SHA512", GNUTLS_MAC_SHA512 },
};

const char *
totp_algorithm_name (TotpAlgorithm algorithm)
{
  return algorithms[algorithm].name;
}

gboolean
totp_algorithm_parse (const char *name, TotpAlgorithm *ret_algorithm)
{
  for (guint i = 0; i < G_N_ELEMENTS (algorithms); i++)
    if (strcmp (algorithms[i].name, name) == 0)
      {
        *ret_algorithm = (TotpAlgorithm) i;
        return TRUE;
      }
  return FALSE;
}

gboolean
totp_code_at (TotpAlgorithm algorithm, const guint8 *secret, gsize len, guint64 counter, guint digits,
              char ret_code[TOTP_DIGITS_MAX + 1])
{
  guint64 text = GUINT64_TO_BE (counter);
  guint8 mac[64];
  if (digits < 6 || digits > TOTP_DIGITS_MAX
      || gnutls_hmac_fast (algorithms[algorithm].mac, secret, len, &text, sizeof text, mac) != 0)
    return FALSE;
  /* RFC 4226 5.3 calls this the dynamic truncation. */
  const guint8 *at = mac + (mac[gnutls_hmac_get_len (algorithms[algorithm].mac) - 1] & 0xf);
  guint32 number = (guint32) (at[0] & 0x7f) << 24 | (guint32) at[1] << 16 | (guint32) at[2] << 8 | at[3];
  for (guint i = digits; i-- > 0; number /= 10)
    ret_code[i] = (char) ('0' + number % 10);
  ret_code[digits] = '\0';
  return TRUE;
}

char *
totp_base32 (const guint8 *data, gsize len)
{
  char *text = g_malloc (len * 8 / 5 + 2), *at = text;
  guint32 bits = 0;
  guint n_bits = 0;
  for (gsize i = 0; i < len; i++)
    for (bits = bits << 8 | data[i], n_bits += 8; n_bits >= 5; n_bits -= 5)
      *at++ = base32_digits[(bits >> (n_bits - 5)) & 31];
  if (n_bits > 0)
    *at++ = base32_digits[(bits << (5 - n_bits)) & 31];
  *at = '\0';
  return text;
}

/* Returns the length of the password without one separator at its end; 0 means that no password is left. */
static gsize
password_before (const char *typed, gsize len)
{
  return len > 0 && strchr (" ,:", typed[len - 1]) != NULL ? len - 1 : len;
}

gboolean
totp_split_code (const char *typed, guint digits, gsize *ret_password_len, char ret_code[TOTP_DIGITS_MAX + 1])
{
  gsize at = strlen (typed);
  for (guint left = digits; left > 0;)
    {
      char c = at > 0 ? typed[at - 1] : '\0';
      gboolean is_gap = c == ' ' && left == digits / 2;
      if (is_gap)
        c = at > 1 ? typed[--at - 1] : '\0';
      if (!g_ascii_isdigit (c))
        return FALSE;
      ret_code[--left] = c;
      at--;
    }
  ret_code[digits] = '\0';
  *ret_password_len = password_before (typed, at);
  return *ret_password_len > 0;
}

gboolean
totp_split_recovery (const char *typed, gsize *ret_password_len, char ret_code[TOTP_RECOVERY_CHARS + 1])
{
  gsize at = strlen (typed);
  for (guint left = TOTP_RECOVERY_CHARS; left > 0;)
    {
      char c = at > 0 ? typed[at - 1] : '\0';
      if ((c == '-' || c == ' ') && left < TOTP_RECOVERY_CHARS && left % GROUP_CHARS == 0)
        c = at > 1 ? typed[--at - 1] : '\0';
      c = g_ascii_toupper (c);
      if (c == '\0' || strchr (base32_digits, c) == NULL)
        return FALSE;
      ret_code[--left] = c;
      at--;
    }
  ret_code[TOTP_RECOVERY_CHARS] = '\0';
  *ret_password_len = password_before (typed, at);
  return *ret_password_len > 0;
}
