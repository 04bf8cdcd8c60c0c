/* SPDX-License-Identifier: MIT
 * pop3 for protocol scripts.
 */
#include "config.h"

#include "harness.h"

#include "modules/pop3/pop3_session.h"

const HarnessProtocol harness_protocol = {
  .name = "pop3",
  .schema = pop3_schema,
  .handlers = &pop3_session_handlers,
  .session_new = pop3_session_new,
  .note = "en - - PLAIN LOGIN",
  .greeting = "+OK ...",
};
