/* SPDX-License-Identifier: MIT
 * quota: how much mail each user may have.  Role mail.
 */
#include "layer.h"

#include <satchel/module.h>

static QuotaLimits *worked_out; /* made by reload, put into force by reload_end */

static gboolean
check (const SatchelConfig *section, GError **error)
{
  g_autoptr (QuotaLimits) limits = quota_limits_new (section, error);
  return limits != NULL;
}

static gboolean
configure (const SatchelConfig *section, GError **error)
{
  QuotaLimits *limits = quota_limits_new (section, error);
  if (limits == NULL)
    return FALSE;
  quota_layer_set_limits (limits);
  return TRUE;
}

static gboolean
reload (const SatchelConfig *section, GError **error)
{
  worked_out = quota_limits_new (section, error);
  return worked_out != NULL;
}

static void
reload_end (gboolean is_commit)
{
  if (is_commit)
    quota_layer_set_limits (g_steal_pointer (&worked_out));
  g_clear_pointer (&worked_out, quota_limits_unref);
}

static void
stop (void)
{
  quota_layer_set_limits (NULL);
}

static const SatchelProvides provides[] = { { .kind = SATCHEL_KIND_STORAGE_LAYER, .ops = &quota_ops },
                                            { 0 } };

static const SatchelModule descriptor = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = "quota",
  .version = "0.1.0",
  .description = "Limits of bytes and messages for each user",
  .licence = "MIT",
  .roles = SATCHEL_ROLE_MAIL | SATCHEL_ROLE_CLI,
  .schema = quota_schema,
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
