/* SPDX-License-Identifier: MIT
 * This file warns if users' own passwords open no mail, and nothing else does.
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

/* Warns if the users' own passwords may not be used everywhere, which is the first choice, and nothing else
 * opens their mail. */
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
                               "mail programs may not use users' own passwords, and no enabled module gives "
                               "users other ones, so these users cannot log in; enable a module that does, "
                               "or allow the passwords");
}
