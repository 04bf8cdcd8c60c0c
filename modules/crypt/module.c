/* SPDX-License-Identifier: MIT
 * crypt: mail lies sealed on the disk, and a user's login opens it.  Roles mail (the layer) and auth (keys).
 */
#include "admin.h"
#include "keyring.h"
#include "layer.h"
#include "settings.h"

#include <satchel/module.h>
#include <sodium.h>

static gboolean
configure (const SatchelConfig *section, GError **error)
{
  CryptSettings settings;
  if (sodium_init () < 0)
    return satchel_error_set (error, SATCHEL_ERROR_FAILED, "libsodium cannot be used");
  crypt_settings_fill (section, &settings);
  crypt_rings_set_path (settings.path);
  crypt_site_set (&settings.site);
  return TRUE;
}

static void
stop (void)
{
  crypt_rings_set_path (NULL);
}

static const SatchelProvides provides[] = { { .kind = SATCHEL_KIND_STORAGE_LAYER, .ops = &crypt_layer },
                                            { .kind = SATCHEL_KIND_KEYRING, .ops = &crypt_keyring },
                                            { .kind = SATCHEL_KIND_ADMIN, .ops = &crypt_commands },
                                            { 0 } };

static const SatchelModule descriptor = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = "crypt",
  .version = "0.1.0",
  .description = "Mail lies sealed on the disk, and a user's login opens it (not finished)",
  .licence = "MIT",
  .roles = SATCHEL_ROLE_AUTH | SATCHEL_ROLE_MAIL | SATCHEL_ROLE_CLI,
  .schema = crypt_schema,
  .provides = provides,
  .configure = configure,
  .stop = stop,
};

const SatchelModule *
satchel_module (void)
{
  return &descriptor;
}
