/* SPDX-License-Identifier: MIT
 * Describes maildir.so.
 */
#include "config.h"

#include "files/boot_id.h"
#include "driver.h"
#include "mailbox/inotify_watch.h"
#include "settings.h"

#include <satchel/module.h>

static gboolean
check_settings (const SatchelConfig *section, GError **error)
{
  return md_settings_check (section, error);
}

static void
stop_watching (void)
{
  md_watch_stop ();
}

const SatchelModule *
satchel_module (void)
{
  static const SatchelProvides provides[] = { { SATCHEL_KIND_STORAGE_DRIVER, NULL, &md_ops }, { 0 } };
  static const SatchelModule module = {
    SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
    .name = "maildir",
    .version = PACKAGE_VERSION,
    .description = "Mail in Maildir++ directories, shared with other programs",
    .licence = "MIT",
    .roles = SATCHEL_ROLE_MAIL | SATCHEL_ROLE_CLI,
    .schema = md_schema,
    .provides = provides,
    .check = check_settings,
    .configure = check_settings,
    .stop = stop_watching,
  };
  md_boot_id (); /* the id is read now, while /proc can still be read */
  return &module;
}
