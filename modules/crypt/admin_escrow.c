/* SPDX-License-Identifier: MIT
 * The command that makes a pair of keys for the site.
 */
#include "admin_private.h"

#include <sodium.h>
#include <string.h>

static gboolean
run_escrow_key (SatchelAdminCall *call, GError **error)
{
  char public[2 * CRYPT_KEY_BYTES + 1], private[2 * CRYPT_KEY_BYTES + 1];
  g_autoptr (GBytes) secret = crypt_key_generate ();
  g_autoptr (CryptKeys) keys = crypt_keys_new (secret);
  if (keys == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_RESOURCES, "there is no memory for a key");
  sodium_bin2hex (public, sizeof public, crypt_keys_first (keys)->half.bytes, CRYPT_KEY_BYTES);
  sodium_bin2hex (private, sizeof private, g_bytes_get_data (secret, NULL), CRYPT_KEY_BYTES);
  satchel_admin_record (call, SATCHEL_ADMIN_TEXT ("public", public), SATCHEL_ADMIN_TEXT ("private", private));
  explicit_bzero (private, sizeof private);
  satchel_admin_print (
      call, "Set crypt.escrow to the public key.  The private key is shown this once, and opens the "
            "mail of every user whose ring gets a slot for it: keep it off this machine, or, to let "
            "logins by token or certificate open mail, in a file that crypt.escrow_key names.");
  return TRUE;
}

const SatchelAdminCommand crypt_command_escrow_key = {
  .size = sizeof (SatchelAdminCommand),
  .name = "escrow-key",
  .summary = "Make a pair of keys by which the site can open mail",
  .run = run_escrow_key,
  .in_auth = TRUE,
  .details =
      "Nothing is stored: the public key goes into the settings (crypt.escrow), the private one to\n"
      "whoever may open the users' mail.  Rings get a slot for it when they are made, others at the\n"
      "next login that opens them, and the user is told.  `satchel crypt recover` takes the private key.",
};
