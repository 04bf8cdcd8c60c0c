/* SPDX-License-Identifier: MIT
 * How clients see names of mailboxes, for protocols.  Role mail.
 */
#include "config.h"

#include "core/session/mail_private.h"

/* The settings need a restart to change, so that one reading is for good. */
const SatchelNamespace *
satchel_namespace (void)
{
  static SatchelNamespace ns;
  static gsize is_read;
  if (g_once_init_enter (&is_read))
    {
      const SatchelConfig *config = satchel_mail_host.group ("namespace");
      const char *prefix = satchel_config_string (config, "prefix");
      ns.prefix = g_intern_string (prefix != NULL ? prefix : "");
      ns.separator = *satchel_config_string (config, "separator");
      g_once_init_leave (&is_read, 1);
    }
  return &ns;
}
