/* SPDX-License-Identifier: MIT
 * The same protocol after login: "COUNT mailbox" tells how many messages there are.
 */
#include <satchel/module.h>
#ifdef HELLO_ABI /* a module from another time */
#undef SATCHEL_ABI
#define SATCHEL_ABI HELLO_ABI
#endif
#include <satchel/protocol.h>
#include <satchel/storage.h>
#include <string.h>

typedef struct Hello
{
  SatchelSession *session;
  char *mailbox;
  gint64 count;
} Hello;

static void
count_job (gpointer data)
{
  Hello *hello = data;
  SatchelMailboxState state;
  SatchelStore *store = satchel_session_open_store (hello->session, NULL);
  hello->count =
      store != NULL && satchel_store_status (store, hello->mailbox, &state, NULL) ? state.n_messages : -1;
}

static void
count_done (gpointer data)
{
  Hello *hello = data;
  satchel_connection_print (satchel_session_connection (hello->session), "%s %s has %" G_GINT64_FORMAT "\n",
                            satchel_config_string (satchel_session_config (hello->session), "greeting"),
                            hello->mailbox, hello->count);
  g_clear_pointer (&hello->mailbox, g_free);
}

static void
on_input (SatchelConnection *connection, gpointer self)
{
  Hello *hello = self;
  gsize len;
  const guint8 *data = satchel_connection_peek (connection, &len);
  const guint8 *end = len > 0 ? memchr (data, '\n', len) : NULL;
  if (end == NULL || hello->mailbox != NULL)
    return;
  g_autofree char *line = g_strndup ((const char *) data, (gsize) (end - data));
  satchel_connection_consume (connection, (gsize) (end - data) + 1);
  if (!g_str_has_prefix (line, "COUNT "))
    {
      satchel_connection_close (connection);
      return;
    }
  hello->mailbox = g_strdup (g_strchomp (line) + strlen ("COUNT "));
  satchel_session_run (hello->session, "hello COUNT", count_job, count_done, hello);
}

static void
on_closed (SatchelConnection *connection, gpointer self, SatchelCloseReason reason)
{
  Hello *hello = self;
  g_free (hello->mailbox);
  g_free (hello);
}

static const SatchelConnectionHandlers handlers = { .size = sizeof handlers,
                                                    .input = on_input,
                                                    .closed = on_closed };

static gpointer
session_new (SatchelSession *session, const void *note, gsize len)
{
  Hello *hello = g_new0 (Hello, 1);
  hello->session = session;
  satchel_connection_print (satchel_session_connection (session), "welcome %s\n",
                            satchel_session_user (session));
  return hello;
}

static const SatchelProtocolOps ops = {
  .size = sizeof ops,
  .service = "hello",
  .session_new = session_new,
  .handlers = &handlers,
};
static const SatchelProvides provides[] = { { SATCHEL_KIND_PROTOCOL, "hello", &ops }, { 0 } };
static const SatchelConfigRow schema[] = {
  { "greeting", SATCHEL_CONFIG_STRING, "mailbox", "First word of an answer" },
  { NULL },
};
static const SatchelModule module = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = "hello",
  .version = "1",
  .description = "Says hello, after login",
  .licence = "MIT",
  .roles = SATCHEL_ROLE_MAIL,
  .schema = schema,
  .provides = provides,
};

#ifdef HELLO_CRASHES
__attribute__ ((constructor)) static void
crash (void)
{
  __builtin_trap ();
}
#endif
#ifdef HELLO_LACKS_SYMBOL
extern void satchel_no_such_function (void);
#endif

const SatchelModule *
satchel_module (void)
{
#ifdef HELLO_LACKS_SYMBOL
  satchel_no_such_function ();
#endif
  return &module;
}
