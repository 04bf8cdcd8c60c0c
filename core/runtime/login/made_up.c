/* SPDX-License-Identifier: MIT
 * This file makes up values for users who do not exist, the same ones each time.
 */
#include "config.h"

#include "core/runtime/login/auth_call_private.h"

#include <gnutls/crypto.h>
#include <string.h>

static guint8 secret[SATCHEL_DERIVED_BYTES];
static gboolean has_secret;

void
satchel_auth_set_secret (const guint8 bytes[SATCHEL_DERIVED_BYTES])
{
  memcpy (secret, bytes, sizeof secret);
  has_secret = TRUE;
}

void
satchel_auth_derive (const char *purpose, const char *text, guint8 ret_bytes[SATCHEL_DERIVED_BYTES])
{
  gnutls_hmac_hd_t hmac;
  if (!has_secret && gnutls_rnd (GNUTLS_RND_KEY, secret, sizeof secret) == 0)
    has_secret = TRUE; /* without a lasting secret, this process makes one of its own */
  memset (ret_bytes, 0, SATCHEL_DERIVED_BYTES);
  if (gnutls_hmac_init (&hmac, GNUTLS_MAC_SHA256, secret, sizeof secret) < 0)
    return;
  gnutls_hmac (hmac, purpose, strlen (purpose) + 1);
  gnutls_hmac (hmac, text, strlen (text));
  gnutls_hmac_deinit (hmac, ret_bytes);
}
