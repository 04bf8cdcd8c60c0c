/* SPDX-License-Identifier: MIT
 * LMTP before login (role gate): there is no login, so a connection from an allowed peer goes to a
 * mail process at once and this half only says so.
 */
#include <satchel/module.h>
#include <satchel/protocol.h>

/* The greeting that replaces 220 (RFC 5321 3.1). It is always 421, so that the MTA keeps the mail, even if a
 * setting lacks its network. */
static const char *
refusal (SatchelRefusal why)
{
  switch (why)
    {
    case SATCHEL_REFUSED_ADDRESS:
      return "421 4.7.0 Too many connections from your address\r\n";
    case SATCHEL_REFUSED_FULL:
      return "421 4.3.2 Too many connections, try again later\r\n";
    case SATCHEL_REFUSED_NETWORK:
      return "421 4.7.1 Your address may not deliver here\r\n";
    case SATCHEL_REFUSED_UNAVAILABLE:
      break;
    }
  return "421 4.3.0 Not available now, try again later\r\n";
}

static const SatchelGateProtocolOps gate_ops = {
  .size = sizeof gate_ops,
  .flags = SATCHEL_PROTOCOL_NO_LOGIN,
  .service = "lmtp",
  .port = 24,
  .refusal = refusal,
};

static const SatchelProvides provides[] = {
  { .kind = SATCHEL_KIND_PROTOCOL_GATE, .name = "lmtp", .ops = &gate_ops },
  { 0 },
};

static const SatchelModule module = {
  SATCHEL_MODULE_FACTS, /* facts about the headers of the build */
  .name = "lmtp",       .version = "0.1.0",         .description = "LMTP, connections from allowed peers",
  .licence = "MIT",     .roles = SATCHEL_ROLE_GATE, .provides = provides,
};

const SatchelModule *
satchel_module (void)
{
  return &module;
}
