/* SPDX-License-Identifier: MIT
 * The socketmap protocol, as sendmail made it and Postfix speaks it: a request "MAP KEY" and a reply, each a
 * netstring, in order.  The one map is `recipients`, whose keys are addresses; what it answers is what LMTP
 * would.
 */
#include "socketmap_session.h"
#include "lmtp_session.h"
#include "netstring.h"
#include "settings.h"

#include <satchel/delivery.h>
#include <string.h>

#define REQUEST_BYTES 4096u
#define MAP "recipients"

typedef struct Socketmap
{
  SatchelSession *session;
  SatchelConnection *connection;
  gboolean is_busy; /* a recipient is being looked up: no further input until then */
  gboolean is_closing;
} Socketmap;

static void
reply (Socketmap *map, const char *status, const char *text)
{
  satchel_connection_print (map->connection, "%" G_GSIZE_FORMAT ":%s %s,",
                            strlen (status) + 1 + strlen (text), status, text);
}

static void
end_session (Socketmap *map)
{
  map->is_closing = TRUE;
  satchel_connection_close (map->connection);
}

/* Answers a look-up. Only what is known not to be there is "not found", since an MTA refuses its mail for
 * good. */
static void
on_looked_up (const SatchelRecipient *recipient, gpointer data)
{
  Socketmap *map = data;
  switch (recipient->status)
    {
    case SATCHEL_DELIVERY_OK:
      reply (map, "OK", recipient->address);
      break;
    case SATCHEL_DELIVERY_UNKNOWN:
    case SATCHEL_DELIVERY_REFUSED:
      reply (map, "NOTFOUND", "");
      break;
    case SATCHEL_DELIVERY_OVERQUOTA:
    case SATCHEL_DELIVERY_TOO_BIG:
    case SATCHEL_DELIVERY_TEMPORARY:
    case SATCHEL_DELIVERY_NOSPACE:
      reply (map, "TEMP", "the recipient cannot be looked up now");
      break;
    }
  map->is_busy = FALSE;
  if (!map->is_closing)
    satchel_connection_resume (map->connection);
}

/* Returns the address in a key. NULL means that the key is no address, which nobody has. MTAs quote local
 * parts as in RCPT (RFC 5321 4.1.2). */
static char *
read_address (const char *key)
{
  const char *rest;
  if (*key == '<' || *key == ' ')
    return NULL;
  g_autofree char *address = lmtp_parse_path (key, FALSE, TRUE, &rest);
  return address != NULL && *rest == '\0' ? g_steal_pointer (&address) : NULL;
}

static void
run_request (Socketmap *map, const char *request)
{
  if (!g_str_has_prefix (request, MAP " "))
    {
      reply (map, "PERM", "the one map here is " MAP);
      return;
    }
  g_autofree char *address = read_address (request + strlen (MAP " "));
  if (address == NULL)
    {
      reply (map, "NOTFOUND", "");
      return;
    }
  map->is_busy = TRUE;
  satchel_connection_pause (map->connection);
  satchel_delivery_look_up (map->session, address, on_looked_up, map);
}

static void
on_input (SatchelConnection *connection, gpointer self)
{
  Socketmap *map = self;
  while (!map->is_busy && !map->is_closing && !satchel_connection_is_full (connection))
    {
      gsize len, n, used;
      const guint8 *text, *data = satchel_connection_peek (connection, &len);
      NetstringStatus status = netstring_read (data, len, REQUEST_BYTES, &text, &n, &used);
      if (status == NETSTRING_NONE)
        return;
      if (status == NETSTRING_BAD)
        {
          satchel_session_log (map->session, SATCHEL_LOG_WARNING, "closed: reason=no-netstring");
          reply (map, "PERM", "this is no netstring, or longer than 4,096 bytes");
          end_session (map);
          return;
        }
      /* A NUL is in no map's name and in no address. */
      g_autofree char *request =
          memchr (text, '\0', n) == NULL ? g_strndup ((const char *) text, n) : g_strdup (MAP " ");
      satchel_connection_consume (connection, used);
      run_request (map, request);
    }
}

static void
on_shutdown (SatchelConnection *connection, gpointer self)
{
  end_session (self);
}

static void
on_closed (SatchelConnection *connection, gpointer self, SatchelCloseReason reason)
{
  g_free (self);
}

const SatchelConnectionHandlers socketmap_session_handlers = {
  .size = sizeof socketmap_session_handlers,
  .input = on_input,
  .drained = on_input,
  .timeout = on_shutdown,
  .shutdown = on_shutdown,
  .closed = on_closed,
};

gpointer
socketmap_session_new (SatchelSession *session, const void *note, gsize len)
{
  Socketmap *map = g_new0 (Socketmap, 1);
  SocketmapSettings settings;
  map->session = session;
  map->connection = satchel_session_connection (session);
  satchel_config_fill (satchel_session_config (session), socketmap_schema, &settings);
  satchel_connection_set_idle_timeout (map->connection, settings.timeout_ms);
  return map;
}
