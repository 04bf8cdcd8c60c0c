/* SPDX-License-Identifier: MIT
 * imap for protocol scripts.
 */
#include "config.h"

#include "harness.h"

#include "modules/imap/settings.h"
#include "modules/imap/imap_session.h"

static void
rest (gpointer self)
{
  ImapView *view = ((ImapSession *) self)->view;
  if (view != NULL)
    imap_view_rest (view);
  satchel_connection_rest (((ImapSession *) self)->connection);
}

const HarnessProtocol harness_protocol = {
  .name = "imap",
  .schema = imap_schema,
  .handlers = &imap_session_handlers,
  .session_new = imap_begin_session,
  .rest = rest,
  .note = "L",
  .greeting = "L OK [CAPABILITY IMAP4rev1 ...] Logged in.",
  .compress = "compress0 COMPRESS DEFLATE\r\n",
  .compressed = "compress0 OK ...",
};
