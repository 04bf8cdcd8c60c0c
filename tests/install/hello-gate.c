/* SPDX-License-Identifier: MIT
 * A protocol of a third party, before login: "HELLO user password".  Built against installed headers only.
 */
#include <satchel/module.h>
#include <satchel/protocol.h>
#include <string.h>

static void
on_input (SatchelConnection *connection, gpointer self)
{
  SatchelGateSession *session = self;
  gsize len;
  const guint8 *data = satchel_connection_peek (connection, &len);
  const guint8 *end = len > 0 ? memchr (data, '\n', len) : NULL;
  if (end == NULL)
    return;
  g_autofree char *line = g_strndup ((const char *) data, (gsize) (end - data));
  satchel_connection_consume (connection, (gsize) (end - data) + 1);
#ifdef HELLO_LOOPS
  static volatile gboolean goes_on = TRUE;
  while (strcmp (line, "LOOP") == 0 && goes_on)
    continue;
#endif
  g_auto (GStrv) words = g_strsplit (g_strchomp (line), " ", 3);
  if (g_strv_length (words) == 3 && strcmp (words[0], "HELLO") == 0)
    satchel_gate_auth_password (session, "HELLO", words[1], strlen (words[1]), words[2], strlen (words[2]));
  else
    satchel_connection_print (connection, "say HELLO user password\n");
}

static void
on_closed (SatchelConnection *connection, gpointer self, SatchelCloseReason reason)
{
}

static void
on_auth_result (gpointer self, const SatchelAuthResult *result)
{
  if (result->status == SATCHEL_AUTH_OK)
    satchel_gate_hand_over (self, NULL, 0);
  else
    satchel_connection_print (satchel_gate_connection (self), "no\n");
}

static const SatchelConnectionHandlers handlers = { .size = sizeof handlers,
                                                    .input = on_input,
                                                    .closed = on_closed };

static gpointer
session_new (SatchelGateSession *session)
{
  satchel_connection_print (satchel_gate_connection (session), "hello from a module\n");
  return session;
}

static const SatchelGateProtocolOps ops = {
  .size = sizeof ops,
  .service = "hello",
  .port = 7777,
  .session_new = session_new,
  .handlers = &handlers,
  .auth_result = on_auth_result,
};
static const SatchelProvides provides[] = { { SATCHEL_KIND_PROTOCOL_GATE, "hello", &ops }, { 0 } };
static const SatchelModule module = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = "hello",
  .version = "1",
  .description = "Says hello, before login",
  .licence = "MIT",
  .roles = SATCHEL_ROLE_GATE,
  .provides = provides,
};

const SatchelModule *
satchel_module (void)
{
  return &module;
}
