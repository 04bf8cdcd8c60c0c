/* SPDX-License-Identifier: MIT
 * sasl-external: the SASL mechanism EXTERNAL (RFC 4422 A) with client certificates.  The client has proved
 * that it holds the certificate's key; a list of fingerprints says whose it is, so no authority has to be
 * trusted. Role auth.
 */
#include "external.h"

#include <satchel/module.h>

static const SatchelConfigRow schema[] = {
  { "certificates", SATCHEL_CONFIG_STRINGS, NULL,
    "Whose a client certificate is, as \"SHA256 USER\": the fingerprint of the certificate (64 hexadecimal "
    "digits, colons are ignored) and the user",
    .flags = SATCHEL_CONFIG_RELOADABLE },
  { NULL }
};

static ExternalMap *next_map;

static gboolean
check_settings (const SatchelConfig *section, GError **error)
{
  ExternalMap *map = external_map_new (satchel_config_strings (section, "certificates"), error);
  external_map_free (map);
  return map != NULL;
}

static gboolean
prepare_settings (const SatchelConfig *section, GError **error)
{
  next_map = external_map_new (satchel_config_strings (section, "certificates"), error);
  return next_map != NULL;
}

static void
take_settings (gboolean is_commit)
{
  ExternalMap *map = g_steal_pointer (&next_map);
  if (is_commit)
    external_set_map (map);
  else
    external_map_free (map);
}

static gboolean
apply_settings (const SatchelConfig *section, GError **error)
{
  if (!prepare_settings (section, error))
    return FALSE;
  take_settings (TRUE);
  return TRUE;
}

static void
free_state (void)
{
  external_set_map (NULL);
}

static const SatchelProvides provides[] = {
  { .kind = SATCHEL_KIND_SASL, .name = "EXTERNAL", .ops = &external_ops },
  { 0 },
};

static const SatchelModule descriptor = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = "sasl-external",
  .version = "0.1.0",
  .description = "The SASL mechanism EXTERNAL: logins by client certificate",
  .licence = "MIT",
  .roles = SATCHEL_ROLE_AUTH,
  .schema = schema,
  .provides = provides,
  .check = check_settings,
  .configure = apply_settings,
  .reload = prepare_settings,
  .reload_end = take_settings,
  .stop = free_state,
};

const SatchelModule *
satchel_module (void)
{
  return &descriptor;
}
