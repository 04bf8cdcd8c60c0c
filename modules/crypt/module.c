/* SPDX-License-Identifier: MIT
 * crypt: mail lies sealed on the disk, and a user's login opens it.  Roles mail (the layer) and auth (keys).
 */
#include "admin.h"
#include "copy.h"
#include "delivered.h"
#include "escrow.h"
#include "keyring.h"
#include "layer.h"
#include "settings.h"
#include "told.h"
#include "work.h"

#include <satchel/log.h>
#include <satchel/module.h>
#include <sodium.h>

static const char *escrow_key; /* a path, borrowed from the settings, or NULL */

static gboolean
read_settings (const SatchelConfig *section, CryptSettings *settings, GError **error)
{
  if (sodium_init () < 0)
    return satchel_error_set (error, SATCHEL_ERROR_FAILED, "libsodium cannot be used");
  return crypt_settings_fill (section, settings, error);
}

static gboolean
check (const SatchelConfig *section, GError **error)
{
  CryptSettings settings = { 0 };
  gboolean ok = read_settings (section, &settings, error);
  g_clear_pointer (&settings.site.policies, g_hash_table_unref);
  return ok;
}

static gboolean
configure (const SatchelConfig *section, GError **error)
{
  CryptSettings settings = { 0 };
  if (!read_settings (section, &settings, error))
    {
      g_clear_pointer (&settings.site.policies, g_hash_table_unref);
      return FALSE;
    }
  crypt_rings_set_path (settings.path);
  crypt_site_set (&settings.site);
  crypt_escrow_set (settings.has_escrow ? &settings.escrow : NULL);
  crypt_work_set_rate (settings.rate);
  escrow_key = settings.has_escrow ? settings.escrow_key : NULL;
  return TRUE;
}

/* Without the key logins by token or certificate are refused, and all others go on. */
static gboolean
start (SatchelRole role, GError **error)
{
  g_autoptr (GError) why = NULL;
  if (role == SATCHEL_ROLE_AUTH && escrow_key != NULL && !crypt_escrow_load (escrow_key, &why))
    satchel_log (SATCHEL_LOG_ERROR, CRYPT_AREA, "logins without a secret open no mail: %s", why->message);
  return TRUE;
}

static void
stop (void)
{
  crypt_rings_set_path (NULL);
  crypt_escrow_set (NULL);
  crypt_copy_forget ();
  crypt_delivered_forget ();
  crypt_told_forget ();
  crypt_site_set (&(CryptSite) { 0 });
}

static const SatchelProvides provides[] = { { .kind = SATCHEL_KIND_STORAGE_LAYER, .ops = &crypt_layer },
                                            { .kind = SATCHEL_KIND_KEYRING, .ops = &crypt_keyring },
                                            { .kind = SATCHEL_KIND_ADMIN, .ops = &crypt_commands },
                                            { 0 } };

static const SatchelModule descriptor = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = "crypt",
  .version = "0.1.0",
  .description = "Mail lies sealed on the disk, and a user's login opens it",
  .licence = "MIT",
  .roles = SATCHEL_ROLE_AUTH | SATCHEL_ROLE_MAIL | SATCHEL_ROLE_CLI,
  .schema = crypt_schema,
  .provides = provides,
  .check = check,
  .configure = configure,
  .start = start,
  .stop = stop,
};

const SatchelModule *
satchel_module (void)
{
  return &descriptor;
}
