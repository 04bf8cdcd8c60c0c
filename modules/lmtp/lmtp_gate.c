/* SPDX-License-Identifier: MIT
 * LMTP before login (role gate): there is no login, so a connection from an allowed peer goes to a
 * mail process at once and this half only says so.
 */
#include "replies.h"

#include <satchel/module.h>

/* Returns the greeting that replaces 220 (RFC 5321 3.1). */
static const char *
refusal (SatchelRefusal why)
{
  switch (why)
    {
    case SATCHEL_REFUSED_ADDRESS:
      return lmtp_reply_line (LMTP_SAY_PEER_FULL);
    case SATCHEL_REFUSED_FULL:
      return lmtp_reply_line (LMTP_SAY_SERVER_FULL);
    case SATCHEL_REFUSED_NETWORK:
      return lmtp_reply_line (LMTP_SAY_PEER_REFUSED);
    case SATCHEL_REFUSED_UNAVAILABLE:
      break;
    }
  return lmtp_reply_line (LMTP_SAY_UNAVAILABLE);
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
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = "lmtp",       .version = "0.1.0",         .description = "LMTP, connections from allowed peers",
  .licence = "MIT",     .roles = SATCHEL_ROLE_GATE, .provides = provides,
};

const SatchelModule *
satchel_module (void)
{
  return &module;
}
