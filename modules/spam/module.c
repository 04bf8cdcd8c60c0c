/* SPDX-License-Identifier: MIT
 * spam: sends spam to the user's spam folder, and has a scanner learn from users.  Roles mail and helper.
 */
#include "admin.h"
#include "filter.h"
#include "helper.h"
#include "listener.h"
#include "names.h"
#include "settings.h"

#include <satchel/module.h>

static SpamSettings *worked_out; /* made by reload, put into force by reload_end */

static gboolean
check (const SatchelConfig *section, GError **error)
{
  g_autoptr (SpamSettings) settings = spam_settings_new (section, error);
  if (settings == NULL)
    return FALSE;
  spam_settings_warn (settings);
  return TRUE;
}

static gboolean
configure (const SatchelConfig *section, GError **error)
{
  SpamSettings *settings = spam_settings_new (section, error);
  if (settings == NULL)
    return FALSE;
  spam_settings_put_in_force (settings);
  return spam_helper_configure (section, error);
}

static gboolean
start (SatchelRole role, GError **error)
{
  if (role == SATCHEL_ROLE_HELPER)
    return spam_helper_start (error);
  spam_helper_clear (); /* the scanner's password is the helper's alone */
  return TRUE;
}

static gboolean
reload (const SatchelConfig *section, GError **error)
{
  worked_out = spam_settings_new (section, error);
  return worked_out != NULL;
}

static void
reload_end (gboolean is_commit)
{
  if (is_commit)
    spam_settings_put_in_force (g_steal_pointer (&worked_out));
  g_clear_pointer (&worked_out, spam_settings_unref);
}

static void
stop (void)
{
  spam_settings_put_in_force (NULL);
}

static const SatchelProvides provides[] = { { .kind = SATCHEL_KIND_DELIVERY_FILTER, .ops = &spam_filter },
                                            { .kind = SATCHEL_KIND_MAILBOX_LISTENER, .ops = &spam_listener },
                                            { .kind = SATCHEL_KIND_HELPER, .ops = &spam_helper },
                                            { .kind = SATCHEL_KIND_ADMIN, .ops = &spam_admin },
                                            { 0 } };

static const SatchelModule descriptor = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = SPAM_MODULE,
  .version = "0.1.0",
  .description = "Sends spam to the user's spam folder, and has a scanner learn from users",
  .licence = "MIT",
  .roles = SATCHEL_ROLE_MAIL | SATCHEL_ROLE_HELPER,
  .schema = spam_schema,
  .provides = provides,
  .check = check,
  .configure = configure,
  .start = start,
  .reload = reload,
  .reload_end = reload_end,
  .stop = stop,
};

const SatchelModule *
satchel_module (void)
{
  return &descriptor;
}
