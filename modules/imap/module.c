/* SPDX-License-Identifier: MIT
 * Describes imap.so: IMAP4rev1 and IMAP4rev2 after login (RFC 3501, RFC 9051). Role mail. imap-gate.so has
 * what comes before.
 */
#include "settings.h"
#include "imap_session.h"

#include <satchel/module.h>

static const SatchelProtocolOps ops = {
  .size = sizeof (SatchelProtocolOps),
  .service = "imap",
  .session_new = imap_begin_session,
  .handlers = &imap_session_handlers,
};

static const SatchelProvides provides[] = { { .kind = SATCHEL_KIND_PROTOCOL, .name = "imap", .ops = &ops },
                                            { 0 } };

static const SatchelModule module = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = "imap",
  .version = "0.1.0",
  .description = "IMAP4rev1 and IMAP4rev2 access to mailboxes",
  .licence = "MIT",
  .roles = SATCHEL_ROLE_MAIL,
  .schema = imap_schema,
  .provides = provides,
};

const SatchelModule *
satchel_module (void)
{
  return &module;
}
