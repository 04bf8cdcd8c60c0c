/* SPDX-License-Identifier: MIT
 * pam: passwords that PAM checks.  Roles auth (asks) and helper (has PAM asked in processes of their own).
 */
#include "helper.h"
#include "settings.h"
#include "source.h"

#include <satchel/module.h>

static gboolean
check_settings (const SatchelConfig *section, GError **error)
{
  PamSettings settings = { 0 };
  satchel_config_fill (section, pam_schema, &settings);
  return pam_settings_check (&settings, error);
}

/* Reads the settings. Nothing starts or stops: each check runs in a process of its own, which the launcher
 * starts and ends. */
static gboolean
configure (const SatchelConfig *section, GError **error)
{
  pam_helper_configure (section);
  return TRUE;
}

static const SatchelProvides provides[] = {
  { .kind = SATCHEL_KIND_PASSDB, .ops = &pam_passdb },
  { .kind = SATCHEL_KIND_USERDB, .ops = &pam_userdb },
  { .kind = SATCHEL_KIND_HELPER, .ops = &pam_helper },
  { 0 },
};

static const SatchelModule descriptor = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = PAM_NAME,
  .version = "0.1.0",
  .description = "Passwords that PAM checks",
  .licence = "MIT",
  .roles = SATCHEL_ROLE_AUTH | SATCHEL_ROLE_HELPER,
  .schema = pam_schema,
  .provides = provides,
  .check = check_settings,
  .configure = configure,
  .rights = SATCHEL_RIGHT_PROGRAMS,
};

const SatchelModule *
satchel_module (void)
{
  return &descriptor;
}
