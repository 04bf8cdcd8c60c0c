/* SPDX-License-Identifier: MIT
 * The commands that bring a ring back from the copy beside the mail: one shows it where the mail is, one
 * takes it where rings are.
 */
#include "admin_private.h"
#include "copy.h"
#include "copy_blob.h"
#include "layer.h"

#include <satchel/log.h>
#include <satchel/store.h>
#include <string.h>

/* In the text of the option, lines have this between them. */
#define LINE_END ','

static gboolean
run_copy (SatchelAdminCall *call, GError **error)
{
  g_autoptr (SatchelStore) store = satchel_admin_open_store (call, error);
  if (store == NULL)
    return FALSE;
  SatchelStorage *level = satchel_store_level (store, &crypt_layer);
  if (level == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "the stack of %s has no layer crypt",
                              crypt_admin_user (call));
  g_autoptr (GBytes) copy = crypt_copy_read (level, satchel_store_access (store), error);
  if (copy == NULL)
    return FALSE;
  g_autofree char *text = g_strndup (g_bytes_get_data (copy, NULL), g_bytes_get_size (copy));
  g_strdelimit (g_strchomp (text), "\n", LINE_END);
  satchel_admin_print (call, "%s", text);
  return TRUE;
}

/* Reads the option. */
static CryptRing *
read_option (SatchelAdminCall *call, GError **error)
{
  const char *given = satchel_config_string (satchel_admin_options (call), "ring");
  g_autofree char *lines = g_strdelimit (g_strconcat (given, "\n", NULL), (char[]) { LINE_END, '\0' }, '\n');
  return crypt_copy_parse (crypt_admin_user (call), lines, strlen (lines), error);
}

static gboolean
keep_waiting (const CryptRing *copy, GError **error)
{
  crypt_rings_lock ();
  gboolean ok = crypt_rings_store_copy (copy, error);
  crypt_rings_unlock ();
  return ok;
}

/* Nothing shows that the copy is the user's own until the user does. */
static gboolean
run_restore (SatchelAdminCall *call, GError **error)
{
  const char *user = crypt_admin_user (call);
  g_autoptr (CryptRing) copy = read_option (call, error);
  if (copy == NULL || !keep_waiting (copy, error))
    return FALSE;
  satchel_log (SATCHEL_LOG_INFO, CRYPT_AREA, "user=\"%s\" a copy of the ring waits for a login that opens it",
               user);
  satchel_auth_end_credential (user, SATCHEL_CREDENTIAL_PASSWORD);
  satchel_admin_print (call, "The next login of %s whose password, or app password, opens the copy takes it.",
                       user);
  return TRUE;
}

static const SatchelConfigRow restore_options[] = { { "ring", SATCHEL_CONFIG_STRING, NULL,
                                                      "What `satchel crypt copy` shows",
                                                      .flags = SATCHEL_CONFIG_REQUIRED },
                                                    { NULL } };

const SatchelAdminCommand crypt_command_copy = {
  .size = sizeof (SatchelAdminCommand),
  .name = "copy",
  .summary = "Show the copy of a user's ring that lies beside the mail",
  .run = run_copy,
  .of_user = TRUE,
  .details =
      "It has slots that only the user's secrets open, and the site's key.  It is as of the last login\n"
      "after a change of the ring.",
};
const SatchelAdminCommand crypt_command_restore = CRYPT_COMMAND (
    "restore", "Take a user's ring back from the copy beside the mail", .run = run_restore,
    .options = restore_options,
    .details =
        "For mail of a backup, or of another server, whose rings were lost:\n"
        "satchel crypt restore USER --ring \"$(satchel crypt copy USER)\"\n"
        "The copy waits for a login that opens it, since who may write the mail can make one up.  If the\n"
        "user has another ring by then, the copy's key becomes a former one of that.");
