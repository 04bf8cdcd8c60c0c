/* SPDX-License-Identifier: MIT
 * Warns where users' own passwords are shut and nothing else opens their mail.
 */
#include "config.h"

#include "core/daemon/config/config_role.h"
#include "core/runtime/config/core_settings.h"

#include <satchel/auth.h>
#include <string.h>

/* Says whether users of any enabled module can have secrets that open mail in the place of their password. */
static gboolean
has_own_secrets (SatchelConfigWork *work)
{
  g_autoptr (GPtrArray) factors = satchel_loader_find_all (work->loader, SATCHEL_KIND_FACTOR);
  for (guint i = 0; i < factors->len; i++)
    {
      const SatchelFactorOps *ops = ((const SatchelProvided *) factors->pdata[i])->ops;
      if (ops->size >= G_STRUCT_OFFSET (SatchelFactorOps, flags) + sizeof ops->flags
          && (ops->flags & SATCHEL_FACTOR_HAS_OWN_SECRETS) != 0)
        return TRUE;
    }
  return FALSE;
}

static gboolean
shuts_some (const SatchelConfig *auth)
{
  for (guint i = 0; i < satchel_config_n_groups (auth, "main_passwords"); i++)
    {
      const char *use = satchel_config_string (satchel_config_group (auth, "main_passwords", i), "use");
      if (use != NULL && strcmp (use, "everywhere") != 0)
        return TRUE;
    }
  return FALSE;
}

/* Where the users' own passwords are shut, something else has to open mail; the first choice is everywhere.
 */
void
satchel_config_work_main_password (SatchelConfigWork *work)
{
  const SatchelConfig *auth = satchel_config_set_group (work->set, "auth");
  SatchelMainPasswordSettings settings = { 0 };
  satchel_main_password_settings_read (auth, &settings);
  if ((settings.main_password == 0 && !shuts_some (auth)) || has_own_secrets (work))
    return;
  satchel_config_work_problem (work, TRUE, auth,
                               settings.main_password != 0 ? "main_password" : "main_passwords",
                               "users' own passwords are shut for mail programs, and no enabled module gives "
                               "users others: nobody whom this concerns can log in there; enable a module "
                               "that does, or leave the passwords open");
}
