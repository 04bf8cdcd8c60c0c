/* SPDX-License-Identifier: MIT
 * sasl-scram: SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, and those with SHA-1 where they are switched on.  Role
 * auth.
 */
#include "exchange.h"

#include <satchel/module.h>
#include <satchel/scram.h>

typedef struct Settings
{
  gboolean has_sha_1;
  guint iterations;
} Settings;
#define INTO(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, Settings, member)

static const SatchelConfigRow schema[] = {
  { "sha1", INTO (BOOL, has_sha_1), "false",
    "Also offer SCRAM-SHA-1 and SCRAM-SHA-1-PLUS, for old clients; passdbs must have keys of this kind" },
  { "iterations", INTO (INT, iterations), "100000",
    "Iterations that users who do not exist seem to have; the same as passwd-file.scram_iterations hides "
    "them",
    .min = SATCHEL_SCRAM_ITERATIONS_MIN, .max = SATCHEL_SCRAM_ITERATIONS_MAX },
  { NULL }
};

static gboolean
apply_settings (const SatchelConfig *section, GError **error)
{
  Settings settings = { 0 };
  satchel_config_fill (section, schema, &settings);
  scram_has_sha_1 = settings.has_sha_1;
  scram_made_up_iterations = settings.iterations;
  return TRUE;
}

static const SatchelProvides provides[] = {
  { .kind = SATCHEL_KIND_SASL, .name = "SCRAM-SHA-256-PLUS", .ops = &scram_sha_256_plus },
  { .kind = SATCHEL_KIND_SASL, .name = "SCRAM-SHA-256", .ops = &scram_sha_256 },
  { .kind = SATCHEL_KIND_SASL, .name = "SCRAM-SHA-1-PLUS", .ops = &scram_sha_1_plus },
  { .kind = SATCHEL_KIND_SASL, .name = "SCRAM-SHA-1", .ops = &scram_sha_1 },
  { 0 },
};

static const SatchelModule descriptor = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = "sasl-scram",
  .version = "0.1.0",
  .description = "The SASL mechanisms SCRAM-SHA-256 and SCRAM-SHA-256-PLUS",
  .licence = "MIT",
  .roles = SATCHEL_ROLE_AUTH,
  .schema = schema,
  .provides = provides,
  .configure = apply_settings,
};

const SatchelModule *
satchel_module (void)
{
  return &descriptor;
}
