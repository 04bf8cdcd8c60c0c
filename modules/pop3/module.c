/* SPDX-License-Identifier: MIT
 * pop3.so: POP3 after login (RFC 1939).  Role mail.  pop3-gate.so has what comes before.
 */
#include "pop3_session.h"

static const SatchelProtocolOps ops = {
  .size = sizeof ops,
  .service = "pop3",
  .session_new = pop3_session_new,
  .handlers = &pop3_session_handlers,
};

static const SatchelProvides provides[] = {
  { .kind = SATCHEL_KIND_PROTOCOL, .name = "pop3", .ops = &ops },
  { 0 },
};

static const SatchelModule module = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = "pop3",       .version = "0.1.0",         .description = "POP3: INBOX for one client at a time",
  .licence = "MIT",     .roles = SATCHEL_ROLE_MAIL, .schema = pop3_schema,
  .provides = provides, .check = pop3_check,
};

const SatchelModule *
satchel_module (void)
{
  return &module;
}
