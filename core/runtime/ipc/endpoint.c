/* SPDX-License-Identifier: MIT
 * Parses endpoints of settings, and asks the connector (core/daemon/role/connector.c) for sockets. Each
 * question brings one end of its own socket pair for the answer, so that threads do not wait for each
 * other.
 */
#include "config.h"

#include "core/runtime/ipc/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib-unix.h>
#include <satchel/module.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/fd.h"
#include "core/runtime/ipc/ipc.h"

#define HOST_MAX 253u
#define GROUPS_DEPTH_MAX 4u
#define ANSWER_SLACK_MS 2000

void
satchel_endpoint_free (SatchelEndpoint *endpoint)
{
  if (endpoint == NULL)
    return;
  g_free (endpoint->path);
  g_free (endpoint->host);
  g_free (endpoint);
}

static SatchelEndpoint *
refuse_text (const char *text, const char *advice, char **ret_why)
{
  *ret_why = g_strdup_printf ("\"%.200s\" is not an endpoint: %s", text, advice);
  return NULL;
}

static SatchelEndpoint *
parse_unix (const char *text, const char *path, char **ret_why)
{
  if (*path != '/')
    return refuse_text (text, "the path of a unix socket begins with /, like \"unix:/run/NAME/socket\"",
                        ret_why);
  if (strlen (path) >= sizeof ((struct sockaddr_un *) 0)->sun_path)
    return refuse_text (text, "the path of a unix socket has at most 107 bytes", ret_why);
  SatchelEndpoint *endpoint = g_new0 (SatchelEndpoint, 1);
  endpoint->path = g_strdup (path);
  return endpoint;
}

static gboolean
is_v6 (const char *host)
{
  struct in6_addr address;
  return inet_pton (AF_INET6, host, &address) == 1;
}

/* Says whether @host is a name or an IPv4 address. Text of digits and dots must be a complete address, since
 * a resolver would take "1.2" for one. */
static gboolean
is_name_or_v4 (const char *host)
{
  struct in_addr address;
  gsize len = strlen (host);
  if (strspn (host, "0123456789.") == len)
    return inet_pton (AF_INET, host, &address) == 1;
  return len <= HOST_MAX && *host != '-' && *host != '.' && strstr (host, "..") == NULL
         && strspn (host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == len;
}

static gboolean
parse_port (const char *text, guint16 *ret_port)
{
  guint64 port;
  if (strlen (text) > 5 || !g_ascii_string_to_unsigned (text, 10, 1, 65535, &port, NULL))
    return FALSE;
  *ret_port = (guint16) port;
  return TRUE;
}

SatchelEndpoint *
satchel_endpoint_parse (const char *text, char **ret_why)
{
  static const char example[] = "write \"unix:/path\", \"host:port\" or \"[2001:db8::1]:port\"";
  if (g_str_has_prefix (text, "unix:"))
    return parse_unix (text, text + strlen ("unix:"), ret_why);
  const char *colon = strrchr (text, ':');
  if (is_v6 (text))
    return refuse_text (text, "an IPv6 address stands in brackets and has a port, like \"[2001:db8::1]:389\"",
                        ret_why);
  if (colon == NULL || colon == text)
    return refuse_text (text, example, ret_why);
  g_autofree char *host = g_strndup (text, (gsize) (colon - text));
  gsize len = strlen (host);
  gboolean has_brackets = host[0] == '[' && host[len - 1] == ']';
  if (has_brackets)
    {
      memmove (host, host + 1, len);
      host[len - 2] = '\0';
    }
  guint16 port;
  if (!parse_port (colon + 1, &port))
    return refuse_text (text, "the port is a number from 1 to 65535", ret_why);
  if (has_brackets ? !is_v6 (host) : !is_name_or_v4 (host))
    return refuse_text (text, example, ret_why);
  SatchelEndpoint *endpoint = g_new0 (SatchelEndpoint, 1);
  endpoint->host = g_steal_pointer (&host);
  endpoint->port = port;
  return endpoint;
}

static void
collect_endpoints (const SatchelConfig *section, const SatchelConfigRow *rows, guint depth, GPtrArray *texts)
{
  for (guint i = 0; rows != NULL && rows[i].key != NULL; i++)
    {
      const char *text =
          rows[i].type == SATCHEL_CONFIG_ENDPOINT ? satchel_config_string (section, rows[i].key) : NULL;
      if (text != NULL && !g_ptr_array_find_with_equal_func (texts, text, g_str_equal, NULL))
        g_ptr_array_add (texts, g_strdup (text));
      guint n = rows[i].type == SATCHEL_CONFIG_GROUPS && depth < GROUPS_DEPTH_MAX
                    ? satchel_config_n_groups (section, rows[i].key)
                    : 0;
      for (guint j = 0; j < n; j++)
        collect_endpoints (satchel_config_group (section, rows[i].key, j), rows[i].group, depth + 1, texts);
    }
}

void
satchel_endpoint_collect (const SatchelConfig *section, const SatchelConfigRow *rows, GPtrArray *texts)
{
  collect_endpoints (section, rows, 0, texts);
}

GArray *
satchel_endpoint_ports (const GPtrArray *texts)
{
  GArray *ports = g_array_new (FALSE, FALSE, sizeof (guint16));
  for (guint i = 0; i < texts->len; i++)
    {
      g_autofree char *why = NULL;
      g_autoptr (SatchelEndpoint) endpoint = satchel_endpoint_parse (g_ptr_array_index (texts, i), &why);
      if (endpoint != NULL && endpoint->host != NULL)
        g_array_append_val (ports, endpoint->port);
    }
  return ports;
}

static int connector_fd = -1;

/* Ends the process, since nothing can be reached any more without the connector, which serves it alone. */
static G_GNUC_NORETURN void
fail_without_connector (void)
{
  satchel_process_fail ("the process that makes connections for the helper has ended");
}

static gboolean
hung_up (gint fd, GIOCondition condition, gpointer data)
{
  fail_without_connector ();
}

void
satchel_endpoint_set_connector (int fd)
{
  connector_fd = fd;
  g_unix_fd_add (fd, G_IO_HUP, hung_up, NULL);
}

/* Sends a question. Returns the end of a socket pair by which the answer will come; -1 with @error. */
static int
send_question (const char *text, gboolean only_resolve, gint64 timeout_ms, GError **error)
{
  g_auto (SatchelFdPair) pair = SATCHEL_FD_PAIR_NONE;
  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.ends) != 0)
    {
      satchel_error_set_errno (error, errno, "a pair of sockets for an endpoint cannot be made");
      return -1;
    }
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_CONNECT, 0);
  satchel_ipc_put_string (message, text);
  satchel_ipc_put_u32 (message, only_resolve);
  satchel_ipc_put_u32 (message, (guint32) timeout_ms);
  satchel_ipc_put_fd (message, pair.ends[1]);
  if (!satchel_ipc_send_blocking (connector_fd, message, NULL))
    fail_without_connector ();
  return satchel_fd_steal (&pair.ends[0]);
}

/* Asks the connector. Returns its answer; NULL with @error. */
static SatchelIpcMessage *
ask_connector (const SatchelConfig *section, const char *key, gboolean only_resolve, gint64 timeout_ms,
               GError **error)
{
  const char *text = satchel_config_string (section, key);
  if (text == NULL)
    {
      satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "setting %s is not set", key);
      return NULL;
    }
  if (connector_fd < 0)
    {
      satchel_error_set (error, SATCHEL_ERROR_NOPERM,
                         "%s: this process may not make connections; only helpers may", text);
      return NULL;
    }
  timeout_ms = CLAMP (timeout_ms, 1, SATCHEL_ENDPOINT_TIMEOUT_MAX_MS);
  g_auto (SatchelFd) fd = send_question (text, only_resolve, timeout_ms, error);
  if (fd < 0)
    return NULL;
  g_autoptr (SatchelIpcMessage) answer =
      satchel_ipc_receive_blocking (fd, (int) timeout_ms + ANSWER_SLACK_MS, error);
  if (answer == NULL)
    return NULL;
  guint32 status = satchel_ipc_get_u32 (answer);
  const char *why = satchel_ipc_get_string (answer);
  if (answer->type == SATCHEL_IPC_CONNECTED && satchel_ipc_message_is_done (answer) && status == 0)
    return g_steal_pointer (&answer);
  satchel_error_set (error, status > 0 ? (SatchelErrorCode) (status - 1) : SATCHEL_ERROR_FAILED, "%s: %s",
                     text, why);
  return NULL;
}

int
satchel_endpoint_connect (const SatchelConfig *section, const char *key, gint64 timeout_ms, GError **error)
{
  g_autoptr (SatchelIpcMessage) answer = ask_connector (section, key, FALSE, timeout_ms, error);
  int fd = answer != NULL ? satchel_ipc_take_fd (answer) : -1;
  if (answer != NULL && fd < 0)
    satchel_error_set (error, SATCHEL_ERROR_RESOURCES,
                       "the socket to an endpoint was lost: too many files are open (helpers.files)");
  return fd;
}

char *
satchel_endpoint_resolve (const SatchelConfig *section, const char *key, gint64 timeout_ms, GError **error)
{
  g_autoptr (SatchelIpcMessage) answer = ask_connector (section, key, TRUE, timeout_ms, error);
  if (answer == NULL)
    return NULL;
  answer->read_offset = sizeof (guint32); /* the fields behind the status are read next */
  return g_strdup (satchel_ipc_get_string (answer));
}
