/* SPDX-License-Identifier: MIT
 * The commands `satchel crypt ...`: a ring is made, shown, and opened again for a login.
 */
#include "admin.h"
#include "admin_private.h"

#include <satchel/log.h>
#include <sodium.h>
#include <string.h>

/* ---- enable ---- */

/* Makes the ring of a user who has none. */
static CryptRing *
make_ring (const char *user, char ret_shown[CRYPT_RECOVERY_SHOWN + 1], GError **error)
{
  g_autoptr (GBytes) secret = NULL;
  g_autoptr (CryptRing) ring = crypt_ring_make (user, &secret, error);
  return ring != NULL && crypt_recovery_put (ring, secret, ret_shown, error)
                 && crypt_ring_set_open (ring, secret, error)
             ? g_steal_pointer (&ring)
             : NULL;
}

static gboolean
check_has_none (const char *user, GError **error)
{
  g_autoptr (GError) why = NULL;
  g_autoptr (CryptRing) ring = crypt_rings_load (user, &why);
  if (ring != NULL)
    return satchel_error_set (error, SATCHEL_ERROR_ALREADYEXISTS, "the mail of %s is sealed already", user);
  if (g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&why));
  return FALSE;
}

static gboolean
run_enable (SatchelAdminCall *call, GError **error)
{
  char shown[CRYPT_RECOVERY_SHOWN + 1];
  const char *user = crypt_admin_user (call);
  crypt_rings_lock ();
  g_autoptr (CryptRing) ring = check_has_none (user, error) ? make_ring (user, shown, error) : NULL;
  gboolean ok = ring != NULL && crypt_rings_store (ring, error);
  crypt_rings_unlock ();
  if (!ok)
    return FALSE;
  satchel_log (SATCHEL_LOG_INFO, CRYPT_AREA, "user=\"%s\" has a ring: new mail is sealed from now on", user);
  satchel_auth_end_credential (user, SATCHEL_CREDENTIAL_PASSWORD);
  crypt_admin_show_recovery (call, shown);
  satchel_admin_print (call,
                       "New mail is sealed from now on; earlier mail stays as it is. Until the user logs "
                       "in with the password, the key lies readable in the ring.");
  explicit_bzero (shown, sizeof shown);
  return TRUE;
}

/* ---- status ---- */

/* Counts the former keys that the present one does not give. */
static guint
n_locked (const CryptRing *ring)
{
  guint n = 0;
  for (guint i = 0; i < ring->former->len; i++)
    n += crypt_ring_is_linked (ring, ring->former->pdata[i]) ? 0 : 1;
  return n;
}

static gboolean
run_status (SatchelAdminCall *call, GError **error)
{
  g_autoptr (GError) why = NULL;
  const char *user = crypt_admin_user (call);
  g_autoptr (CryptRing) ring = crypt_rings_load (user, &why);
  if (ring == NULL && !g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    {
      g_propagate_error (error, g_steal_pointer (&why));
      return FALSE;
    }
  satchel_admin_record (call, SATCHEL_ADMIN_TEXT ("user", user), SATCHEL_ADMIN_BOOL ("sealed", ring != NULL),
                        SATCHEL_ADMIN_BOOL ("waits_for_login", ring != NULL && ring->is_open),
                        SATCHEL_ADMIN_NUMBER ("former_keys", ring != NULL ? ring->former->len : 0),
                        SATCHEL_ADMIN_NUMBER ("locked_keys", ring != NULL ? n_locked (ring) : 0));
  for (guint i = 0; ring != NULL && i < ring->slots->len; i++)
    {
      const CryptSlot *slot = &g_array_index (ring->slots, CryptSlot, i);
      satchel_admin_record (call, SATCHEL_ADMIN_TEXT ("slot", slot->name),
                            SATCHEL_ADMIN_TEXT ("opened_by", crypt_opener_words[slot->kind]),
                            SATCHEL_ADMIN_TEXT ("variant", slot->variant));
    }
  return TRUE;
}

/* ---- table ---- */

static const SatchelAdminCommand enable = CRYPT_COMMAND (
    "enable", "Seal a user's new mail", .run = run_enable,
    .details = "A recovery key is shown once: give it to the user.  It cannot be undone.\n"
               "Earlier mail is not sealed.  Sessions opened with the password end, so that the next login\n"
               "brings what seals the user's key; until then the key lies readable in the ring.\n"
               "App passwords of before open locked mail only, and have to be made anew.");
static const SatchelAdminCommand status = CRYPT_COMMAND (
    "status", "Show whether a user's new mail is sealed, and what opens it", .run = run_status);
static const SatchelAdminCommand *const commands[] = {
  &enable, &status, &crypt_command_recover, &crypt_command_recovery_key, &crypt_command_escrow_key, NULL
};
const SatchelAdminOps crypt_commands = { sizeof crypt_commands, commands };
