/* SPDX-License-Identifier: MIT
 * LMTP before login (role gate): there is no login, so a connection from an allowed peer goes to a
 * mail process at once and this half only says so.
 */
#include <satchel/module.h>
#include <satchel/protocol.h>

static const SatchelGateProtocolOps gate_ops = {
  .size = sizeof gate_ops,
  .flags = SATCHEL_PROTOCOL_NO_LOGIN,
  .service = "lmtp",
  .port = 24,
};

static const SatchelProvides provides[] = {
  { SATCHEL_KIND_PROTOCOL_GATE, "lmtp", &gate_ops },
  { 0 },
};

static const SatchelModule module = {
  SATCHEL_MODULE_FACTS,
  .name = "lmtp",
  .version = "1",
  .description = "LMTP, connections from allowed peers",
  .licence = "MIT",
  .roles = SATCHEL_ROLE_GATE,
  .provides = provides,
};

const SatchelModule *
satchel_module (void)
{
  return &module;
}
