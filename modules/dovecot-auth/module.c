/* SPDX-License-Identifier: MIT
 * dovecot-auth.so: the settings of dovecot-auth-gate.so, which does the work.
 */
#include "settings.h"

#include <satchel/module.h>

static const SatchelProvides provides[] = { { 0 } };

static const SatchelModule module = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = "dovecot-auth",
  .version = "0.1.0",
  .description = "Logins for an MTA, by the Dovecot authentication protocol",
  .licence = "MIT",
  .schema = dovecot_schema,
  .provides = provides,
};

const SatchelModule *
satchel_module (void)
{
  return &module;
}
