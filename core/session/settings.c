/* SPDX-License-Identifier: MIT
 * This file keeps the settings of the core that protocols see.
 */
#include "config.h"

#include "core/base/hostname.h"
#include "core/runtime/config/core_settings.h"
#include "core/session/settings.h"

static SatchelLimitSettings limits_now;
static SatchelNamespace namespace_now = { "", '/' };

void
satchel_session_settings (const SatchelConfigSet *config)
{
  static gboolean has_namespace;
  satchel_limit_settings_read (satchel_config_set_group (config, "limits"), &limits_now);
  SatchelServerSettings server;
  satchel_server_settings_read (satchel_config_set_group (config, "server"), &server);
  satchel_hostname_set (server.hostname);
  if (has_namespace)
    return; /* The namespace cannot change at a reload, since clients and sessions know names by it. */
  SatchelNamespaceSettings namespace;
  satchel_namespace_settings_read (satchel_config_set_group (config, "namespace"), &namespace);
  namespace_now.prefix = g_strdup (namespace.prefix != NULL ? namespace.prefix : "");
  /* the characters are in the order of the setting's choices */
  namespace_now.separator = "/."[namespace.separator];
  has_namespace = TRUE;
}

const SatchelLimits *
satchel_limits (void)
{
  return &limits_now.of_protocols;
}

const SatchelNamespace *
satchel_namespace (void)
{
  return &namespace_now;
}
