/* SPDX-License-Identifier: MIT
 * lmtp.so: LMTP in a mail process (RFC 2033).  lmtp-gate.so only names its service to the gate.
 */
#include "lmtp_session.h"
#include "settings.h"

static const SatchelProtocolOps protocol_ops = {
  .size = sizeof protocol_ops,
  .service = "lmtp",
  .session_new = lmtp_session_new,
  .handlers = &lmtp_session_handlers,
  .flags = SATCHEL_PROTOCOL_NO_LOGIN,
};

static gboolean
check (const SatchelConfig *section, GError **error)
{
  return satchel_networks_check (section, "xforward_networks", error);
}

static const SatchelProvides provides[] = {
  { .kind = SATCHEL_KIND_PROTOCOL, .name = "lmtp", .ops = &protocol_ops },
  { 0 },
};

static const SatchelModule module = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = "lmtp",
  .version = "0.1.0",
  .description = "LMTP: takes mail from an MTA",
  .licence = "MIT",
  .roles = SATCHEL_ROLE_MAIL,
  .schema = lmtp_schema,
  .provides = provides,
  .check = check,
};

const SatchelModule *
satchel_module (void)
{
  return &module;
}
