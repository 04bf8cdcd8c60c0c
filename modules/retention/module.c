/* SPDX-License-Identifier: MIT
 * retention: what is removed can be had back for some time. Role mail.
 */
#include "admin.h"
#include "drafts.h"
#include "expiry.h"
#include "layer.h"

#include <satchel/module.h>

static RetentionSettings *worked_out; /* made by reload, put into force by reload_end */

static gboolean
check (const SatchelConfig *section, GError **error)
{
  g_autoptr (RetentionSettings) settings = retention_settings_new (section, error);
  return settings != NULL;
}

static void
warn (const RetentionSettings *settings)
{
  if (retention_settings_drops_oldest (settings))
    satchel_log (SATCHEL_LOG_WARNING, "retention",
                 "retention.drop_oldest is set: whoever has a user's password can empty the user's removed "
                 "mail by filling it");
}

static gboolean
configure (const SatchelConfig *section, GError **error)
{
  RetentionSettings *settings = retention_settings_new (section, error);
  if (settings == NULL)
    return FALSE;
  warn (settings);
  retention_settings_put (settings);
  return TRUE;
}

static gboolean
reload (const SatchelConfig *section, GError **error)
{
  worked_out = retention_settings_new (section, error);
  return worked_out != NULL;
}

static void
reload_end (gboolean is_commit)
{
  if (is_commit)
    {
      warn (worked_out);
      retention_settings_put (g_steal_pointer (&worked_out));
    }
  g_clear_pointer (&worked_out, retention_settings_unref);
}

static void
stop (void)
{
  retention_settings_put (NULL);
  retention_drafts_forget ();
}

static const SatchelMailboxListenerOps listener = {
  .size = sizeof listener, .band = 500, .changed = retention_drafts_changed, .maintain = retention_expire
};

static const SatchelProvides provides[] = { { .kind = SATCHEL_KIND_STORAGE_LAYER, .ops = &retention_ops },
                                            { .kind = SATCHEL_KIND_MAILBOX_LISTENER, .ops = &listener },
                                            { .kind = SATCHEL_KIND_ADMIN, .ops = &retention_admin_ops },
                                            { 0 } };

static const SatchelModule descriptor = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = "retention",
  .version = "0.1.0",
  .description = "Keeps removed mail for some time, where users can read it and copy it back",
  .licence = "MIT",
  .roles = SATCHEL_ROLE_MAIL | SATCHEL_ROLE_CLI,
  .schema = retention_schema,
  .provides = provides,
  .check = check,
  .configure = configure,
  .reload = reload,
  .reload_end = reload_end,
  .stop = stop,
};

const SatchelModule *
satchel_module (void)
{
  return &descriptor;
}
