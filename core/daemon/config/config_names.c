/* SPDX-License-Identifier: MIT
 * Checks names of hosts and domains in the settings, so that an impossible name is reported before it
 * appears in greetings and addresses.
 */
#include "config.h"

#include "core/daemon/config/config_role.h"
#include "core/runtime/config/core_settings.h"

#include <string.h>
#include <satchel/auth.h>

#define NAME_MAX_BYTES 253u /* RFC 1035 2.3.4, as text */

/* Says why @name is not the name of a host. NULL means that it is one (RFC 1123 2.1: letters, digits,
 * hyphens; labels outside ASCII are written as they are typed). */
static const char *
why_no_host (const char *name)
{
  g_auto (GStrv) labels = g_strsplit (name, ".", -1);
  gboolean is_address = TRUE;
  if (*name == '\0' || strlen (name) > NAME_MAX_BYTES)
    return "a name must have 1 to 253 bytes";
  for (char **label = labels; *label != NULL; label++)
    {
      if (**label == '\0' || strlen (*label) > 63)
        return "each part between its dots must have 1 to 63 bytes";
      if (**label == '-' || g_str_has_suffix (*label, "-"))
        return "no part of it may begin or end with -";
      for (const char *c = *label; *c != '\0'; c++)
        {
          if (!g_ascii_isalnum (*c) && *c != '-' && (guchar) *c < 0x80)
            return "it may have letters, digits, - and dots only";
          is_address = is_address && g_ascii_isdigit (*c);
        }
    }
  return is_address ? "it is an address, and clients and certificates need a name" : NULL;
}

static void
check_name (SatchelConfigWork *work, const SatchelConfig *section, const char *group, const char *key,
            const char *name, const char *example)
{
  const char *why = name != NULL ? why_no_host (name) : NULL;
  if (why != NULL)
    satchel_config_work_problem (work, FALSE, section, key,
                                 "%s.%s: \"%.260s\" cannot be the name of a %s: %s; write one as %s", group,
                                 key, name, strcmp (key, "hostname") == 0 ? "host" : "domain", why, example);
}

void
satchel_config_work_names (SatchelConfigWork *work)
{
  const SatchelConfig *server = satchel_config_set_group (work->set, "server"),
                      *auth = satchel_config_set_group (work->set, "auth");
  SatchelServerSettings settings;
  satchel_server_settings_read (server, &settings);
  check_name (work, server, "server", "hostname", settings.hostname, "mail.example.org");
  check_name (work, server, "server", "default_domain", settings.default_domain, "example.org");
  for (const char *const *domain = satchel_config_strings (auth, "domains");
       domain != NULL && *domain != NULL; domain++)
    check_name (work, auth, "auth", "domains", *domain, "example.org");
}
