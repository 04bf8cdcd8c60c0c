/* SPDX-License-Identifier: MIT
 * The public half of the site is set in every role, the private one in role auth alone.
 */
#include "escrow.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/fd.h>
#include <satchel/retry.h>
#include <sodium.h>
#include <string.h>

#define DIGITS (2 * CRYPT_KEY_BYTES)

static CryptPublic public;
static gboolean is_on;
static GBytes *private; /* NULL: it is not here */

gboolean
crypt_escrow_parse (const char *digits, guint8 ret_bytes[CRYPT_KEY_BYTES])
{
  gsize n = 0;
  return strlen (digits) == DIGITS
         && sodium_hex2bin (ret_bytes, CRYPT_KEY_BYTES, digits, DIGITS, NULL, &n, NULL) == 0
         && n == CRYPT_KEY_BYTES;
}

void
crypt_escrow_set (const CryptPublic *half)
{
  is_on = half != NULL;
  if (is_on)
  public = *half;
  g_clear_pointer (&private, g_bytes_unref);
}

/* Returns the private half with these digits, and its public one; yours, or NULL. */
static GBytes *
read_private (const char *digits, CryptPublic *ret_half)
{
  guint8 bytes[CRYPT_KEY_BYTES];
  if (!crypt_escrow_parse (digits, bytes))
    return NULL;
  GBytes *secret = satchel_secret_new (bytes, sizeof bytes);
  sodium_memzero (bytes, sizeof bytes);
  g_autoptr (CryptKeys) keys = crypt_keys_new (secret);
  if (keys == NULL)
    g_clear_pointer (&secret, g_bytes_unref);
  else
    *ret_half = crypt_keys_first (keys)->half;
  return secret;
}

gboolean
crypt_escrow_load (const char *path, GError **error)
{
  char digits[DIGITS + 2] = "";
  CryptPublic half;
  g_auto (SatchelFd) fd = SATCHEL_RETRY (open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd < 0 || satchel_fd_read_all (fd, digits, sizeof digits - 1) < 0)
    return satchel_error_set_errno (error, errno, "the site's private key (crypt.escrow_key, %s)", path);
  g_strchomp (digits);
  GBytes *secret = read_private (digits, &half);
  sodium_memzero (digits, sizeof digits);
  if (secret == NULL || !is_on || memcmp (half.id, public.id, sizeof half.id) != 0)
    {
      g_clear_pointer (&secret, g_bytes_unref);
      return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                                "%s (crypt.escrow_key) is not the private key of crypt.escrow", path);
    }
  g_clear_pointer (&private, g_bytes_unref);
  private = secret;
  return TRUE;
}

gboolean
crypt_escrow_is_on (void)
{
  return is_on;
}

gboolean
crypt_escrow_has_key (void)
{
  return private != NULL;
}

static guint
count_slots (const CryptRing *ring)
{
  guint n = 0;
  for (guint i = 0; i < ring->slots->len; i++)
    n += g_array_index (ring->slots, CryptSlot, i).kind == CRYPT_BY_ESCROW ? 1 : 0;
  return n;
}

gboolean
crypt_escrow_is_settled (const CryptRing *ring)
{
  return is_on ? count_slots (ring) == 1 && crypt_ring_find_box (ring, CRYPT_BY_ESCROW, &public) != NULL
               : count_slots (ring) == 0;
}

gboolean
crypt_escrow_settle (CryptRing *ring, GBytes *secret, GError **error)
{
  if (crypt_escrow_is_settled (ring))
    return TRUE;
  crypt_ring_remove_kind (ring, CRYPT_BY_ESCROW);
  return !is_on || crypt_ring_put_box (ring, CRYPT_BY_ESCROW, &public, secret, error);
}

GBytes *
crypt_escrow_open (const CryptRing *ring)
{
  return private != NULL ? crypt_ring_unbox (ring, CRYPT_BY_ESCROW, &public, private, NULL) : NULL;
}

GBytes *
crypt_escrow_open_by (const CryptRing *ring, const char *digits)
{
  CryptPublic half;
  g_autoptr (GBytes) secret = read_private (digits, &half);
  return secret != NULL ? crypt_ring_unbox (ring, CRYPT_BY_ESCROW, &half, secret, NULL) : NULL;
}
