/* SPDX-License-Identifier: MIT
 * socketmap-gate.so: names the service to the gate, which hands connections of allowed peers to a mail
 * process at once.
 */
#include <satchel/module.h>
#include <satchel/protocol.h>

static const SatchelGateProtocolOps gate_ops = {
  .size = sizeof gate_ops,
  .flags = SATCHEL_PROTOCOL_NO_LOGIN,
  .service = "socketmap",
};

static const SatchelProvides provides[] = {
  { .kind = SATCHEL_KIND_PROTOCOL_GATE, .name = "socketmap", .ops = &gate_ops },
  { 0 },
};

static const SatchelModule module = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = "socketmap",
  .version = "0.1.0",
  .description = "Recipients for an MTA, connections from allowed peers",
  .licence = "MIT",
  .roles = SATCHEL_ROLE_GATE,
  .provides = provides,
};

const SatchelModule *
satchel_module (void)
{
  return &module;
}
