/* SPDX-License-Identifier: MIT
 * socketmap.so: tells an MTA which recipients there are, in a mail process.
 */
#include "settings.h"
#include "socketmap_session.h"

#include <satchel/module.h>

static const SatchelProtocolOps protocol_ops = {
  .size = sizeof protocol_ops,
  .service = "socketmap",
  .session_new = socketmap_session_new,
  .handlers = &socketmap_session_handlers,
  .flags = SATCHEL_PROTOCOL_NO_LOGIN,
};

static const SatchelProvides provides[] = {
  { .kind = SATCHEL_KIND_PROTOCOL, .name = "socketmap", .ops = &protocol_ops },
  { 0 },
};

static const SatchelModule module = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = "socketmap",
  .version = "0.1.0",
  .description = "Recipients for an MTA, by the socketmap protocol",
  .licence = "MIT",
  .roles = SATCHEL_ROLE_MAIL,
  .schema = socketmap_schema,
  .provides = provides,
};

const SatchelModule *
satchel_module (void)
{
  return &module;
}
