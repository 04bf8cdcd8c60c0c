/* SPDX-License-Identifier: MIT
 * Module `probe`, for tests: a helper that does as it is told (echo, slow, hang, crash, rubbish, escapes),
 * and in the mail process a service that asks it.  A line "TAG HOW TIMEOUT_MS COMMAND" gives "TAG ok REPLY"
 * or "TAG error CODE MESSAGE"; HOW: ask (from the main loop), job (from a job), mail (with COMMAND's number
 * of bytes as content).
 */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <satchel/endpoint.h>
#include <satchel/helper.h>
#include <satchel/job.h>
#include <satchel/module.h>
#include <satchel/reactor.h>
#include <satchel/service.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

/* What is said in bytes of its own making is of the form that this server understands. */
#include "core/runtime/ipc/ipc_private.h"

#ifndef NAME
#define NAME "probe"
#endif
#ifndef PORT
#define PORT 0
#endif
#ifndef RIGHTS
#define RIGHTS 0
#endif

static const SatchelConfig *settings; /* in force; only tests keep them */

/* ---- attempts to get out; TRUE: it did ---- */

static gboolean
opens (const char *path, int flags)
{
  return open (path, flags | O_CLOEXEC, 0600) >= 0;
}

static gboolean
read_file (const char *path)
{
  return opens (path, O_RDONLY);
}

static gboolean
write_file (const char *path)
{
  return opens (path, O_WRONLY | O_CREAT);
}

static gboolean
remove_file (const char *path)
{
  return unlink (path) == 0;
}

static gboolean
connect_tcp (const char *port)
{
  struct sockaddr_in to = { .sin_family = AF_INET,
                            .sin_port = htons ((guint16) atoi (port)),
                            .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return fd >= 0 && connect (fd, (struct sockaddr *) &to, sizeof to) == 0;
}

static gboolean
connect_unix (const char *path)
{
  struct sockaddr_un to = { .sun_family = AF_UNIX };
  g_strlcpy (to.sun_path, path, sizeof to.sun_path);
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return fd >= 0 && connect (fd, (struct sockaddr *) &to, sizeof to) == 0;
}

/* A pair is a socket that one has: can it be joined to something else? */
static gboolean
reconnect_pair (const char *path)
{
  int pair[2];
  struct sockaddr_un to = { .sun_family = AF_UNIX };
  g_strlcpy (to.sun_path, path, sizeof to.sun_path);
  return socketpair (AF_UNIX, SOCK_DGRAM, 0, pair) == 0
         && sendto (pair[0], "x", 1, 0, (struct sockaddr *) &to, sizeof to) == 1;
}

static gboolean
send_udp (const char *port)
{
  struct sockaddr_in to = { .sin_family = AF_INET,
                            .sin_port = htons ((guint16) atoi (port)),
                            .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  return fd >= 0 && sendto (fd, "x", 1, 0, (struct sockaddr *) &to, sizeof to) == 1;
}

static gboolean
bind_tcp (const char *ignored)
{
  struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return fd >= 0 && bind (fd, (struct sockaddr *) &at, sizeof at) == 0;
}

static gboolean
make_process (const char *ignored)
{
  return syscall (SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL) >= 0;
}

static gboolean
execute (const char *path)
{
  char *argv[] = { (char *) path, NULL };
  execv (path, argv);
  return FALSE; /* where it works, nobody answers, and the process that died did not die of a signal */
}

static gboolean
trace_master (const char *ignored)
{
  return ptrace (PTRACE_ATTACH, getppid (), NULL, NULL) == 0;
}

static gboolean
read_master (const char *ignored)
{
  long word;
  struct iovec to = { &word, sizeof word }, from = { &opens, sizeof word };
  return process_vm_readv (getppid (), &to, 1, &from, 1, 0) > 0;
}

static gboolean
signal_master (const char *ignored)
{
  return kill (getppid (), SIGURG) == 0;
}

static gboolean
map_code (const char *ignored)
{
  return mmap (NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
         != MAP_FAILED;
}

/* Asks the connector beside this process for an endpoint, in bytes, as one would that no longer runs the code
 * of the server. */
static gboolean
ask_connector (const char *text)
{
  guint8 message[512] = { 0 };
  guint32 len = (guint32) strlen (text), tail[2] = { 0, 5000 };
  SatchelIpcHeader header = { .version = SATCHEL_IPC_VERSION,
                              .type = SATCHEL_IPC_CONNECT,
                              .body_len = (guint32) (sizeof len + len + 1 + sizeof tail),
                              .n_fds = 1 };
  guint8 *next = message;
  next = (guint8 *) memcpy (next, &header, sizeof header) + sizeof header;
  next = (guint8 *) memcpy (next, &len, sizeof len) + sizeof len;
  next = (guint8 *) memcpy (next, text, len + 1) + len + 1;
  memcpy (next, tail, sizeof tail);
  int pair[2];
  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return FALSE;
  union
  {
    struct cmsghdr align;
    guint8 space[CMSG_SPACE (sizeof (int))];
  } control = { .space = { 0 } };
  struct iovec part = { message, sizeof header + header.body_len };
  struct msghdr envelope = {
    .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
  };
  *CMSG_FIRSTHDR (&envelope) = (struct cmsghdr) { .cmsg_level = SOL_SOCKET,
                                                  .cmsg_type = SCM_RIGHTS,
                                                  .cmsg_len = CMSG_LEN (sizeof (int)) };
  memcpy (CMSG_DATA (CMSG_FIRSTHDR (&envelope)), &pair[1], sizeof (int));
  /* Its link is the sequenced socket that this process made itself; the others are master's work. */
  for (int fd = 4; fd < 1024; fd++)
    {
      int type = 0;
      socklen_t type_len = sizeof type, maker_len = sizeof (struct ucred);
      struct ucred maker = { 0 };
      if (fd != pair[0] && fd != pair[1] && getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &type_len) == 0
          && type == SOCK_SEQPACKET && getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &maker, &maker_len) == 0
          && maker.pid == getpid ())
        (void) sendmsg (fd, &envelope, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
  close (pair[1]);
  guint8 answer[1024];
  guint32 status; /* 0, or 1 + SatchelErrorCode */
  /* One that ends instead of refusing has not understood the question: then nothing was tried. */
  if (recv (pair[0], answer, sizeof answer, 0) < (gssize) (sizeof header + sizeof status))
    abort ();
  memcpy (&status, answer + sizeof header, sizeof status);
  close (pair[0]);
  return status == 0;
}

static const struct
{
  const char *name;
  gboolean (*escape) (const char *argument);
} escapes[] = {
  { "connector", ask_connector }, { "read", read_file },       { "write", write_file },
  { "remove", remove_file },      { "tcp", connect_tcp },      { "unix", connect_unix },
  { "pair", reconnect_pair },     { "udp", send_udp },         { "bind", bind_tcp },
  { "process", make_process },    { "exec", execute },         { "ptrace", trace_master },
  { "memory", read_master },      { "signal", signal_master }, { "code", map_code },
};

static char *
escape (const char *name, const char *argument)
{
  for (guint i = 0; i < G_N_ELEMENTS (escapes); i++)
    if (strcmp (escapes[i].name, name) == 0)
      return g_strdup (escapes[i].escape (argument) ? "out" : "held");
  return g_strdup ("no such escape");
}

/* ---- what a helper that was taken over might say ---- */

/* Writes into each link to those that call it; descriptor 3 is master's. */
static void
say_to_all (const void *data, gsize len)
{
  for (int fd = 4; fd < 1024; fd++)
    {
      int type = 0;
      socklen_t type_len = sizeof type;
      if (getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &type_len) == 0 && type == SOCK_SEQPACKET)
        (void) send (fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

static void
talk_rubbish (const char *kind)
{
  if (strcmp (kind, "bytes") == 0)
    say_to_all ("rubbish", 7);
  else
    {
      /* Nobody made the call to which this is a well-formed answer (status 0, bytes inside, of length 0). */
      struct
      {
        SatchelIpcHeader header;
        guint32 body[3];
      } message = { .header = { .version = SATCHEL_IPC_VERSION,
                                .type = SATCHEL_IPC_HELPER_REPLY,
                                .session_id = 123456789,
                                .body_len = sizeof message.body } };
      say_to_all (&message, sizeof message);
    }
}

/* ---- the helper ---- */

static void
hang_main (gpointer data)
{
  for (;;)
    pause ();
}

static char *
count_files (void)
{
  int n = 0, fds[65536];
  while (n < (int) G_N_ELEMENTS (fds) && (fds[n] = eventfd (0, EFD_CLOEXEC)) >= 0)
    n++;
  for (int i = 0; i < n; i++)
    close (fds[i]);
  return g_strdup_printf ("%d", n);
}

/* Returns the address space in MiB, most of which was never touched. */
static char *
count_memory (void)
{
  int n = 0;
  void *pages[8192];
  while (n < (int) G_N_ELEMENTS (pages)
         && (pages[n] = mmap (NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
                != MAP_FAILED)
    n++;
  for (int i = 0; i < n; i++)
    munmap (pages[i], 1 << 20);
  return g_strdup_printf ("%d", n);
}

static char *
sum_content (const SatchelHelperCall *call)
{
  guint64 len = satchel_helper_call_content_bytes (call), sum = 0;
  g_autofree guint8 *data = g_malloc (MAX (len, 1));
  if (pread (satchel_helper_call_content_fd (call), data, len, 0) != (gssize) len)
    return g_strdup ("cannot be read");
  for (guint64 i = 0; i < len; i++)
    sum += data[i];
  return g_strdup_printf ("%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT, len, sum);
}

/* What is said there first, or why not. */
static char *
greeting (const char *key)
{
  char text[100];
  g_autoptr (GError) error = NULL;
  int fd = satchel_endpoint_connect (settings, key, 5000, &error);
  if (fd < 0)
    return g_strdup_printf ("no: %d %s", error->code, error->message);
  gssize n = read (fd, text, sizeof text - 1);
  close (fd);
  return g_strndup (text, n > 0 ? (gsize) n : 0);
}

static char *
resolve (const char *key)
{
  g_autoptr (GError) error = NULL;
  char *text = satchel_endpoint_resolve (settings, key, 5000, &error);
  return text != NULL ? text : g_strdup_printf ("no: %d %s", error->code, error->message);
}

static char *
obey (SatchelHelperCall *call, char **words)
{
  const char *argument = words[1] != NULL ? words[1] : "";
  if (strcmp (words[0], "slow") == 0)
    g_usleep ((gulong) atoi (argument) * 1000);
  else if (strcmp (words[0], "hang") == 0)
    for (;;)
      pause ();
  else if (strcmp (words[0], "hang-main") == 0)
    satchel_defer (hang_main, NULL);
  else if (strcmp (words[0], "crash") == 0)
    abort ();
  else if (strcmp (words[0], "give-up") == 0)
    satchel_process_fail ("the library wants %s", "a new start");
  else if (strcmp (words[0], "rubbish") == 0)
    talk_rubbish (argument);
  else if (strcmp (words[0], "files") == 0)
    return count_files ();
  else if (strcmp (words[0], "memory") == 0)
    return count_memory ();
  else if (strcmp (words[0], "content") == 0)
    return sum_content (call);
  else if (strcmp (words[0], "pid") == 0)
    return g_strdup_printf ("%d", (int) getpid ());
  else if (strcmp (words[0], "greeting") == 0)
    return greeting (argument);
  else if (strcmp (words[0], "resolve") == 0)
    return resolve (argument);
  else if (strcmp (words[0], "word") == 0)
    return g_strdup (satchel_config_string (settings, "word"));
  else if (strcmp (words[0], "escape") == 0)
    return escape (argument, words[1] != NULL && words[2] != NULL ? words[2] : "");
  return g_strdup (argument);
}

static void
handle (SatchelHelperCall *call)
{
  gsize len;
  const char *data = g_bytes_get_data (satchel_helper_call_request (call), &len);
  g_autofree char *line = g_strndup (data, len);
  g_auto (GStrv) words = g_strsplit (line, " ", 3);
  if (words[0] == NULL)
    {
      satchel_helper_fail (call, SATCHEL_ERROR_INVALID, "an empty request");
      return;
    }
  char *text = obey (call, words);
  g_autoptr (GBytes) reply = g_bytes_new_take (text, strlen (text));
  satchel_helper_reply (call, reply);
}

static const SatchelHelperOps helper_ops = { .size = sizeof helper_ops, .max_calls = 4, .handle = handle };

/* ---- the service in mail ---- */

typedef struct Line
{
  struct Client *client;
  char *tag, *command;
  gint64 timeout_ms;
  GBytes *reply;
  GError *error;
} Line;

typedef struct Client
{
  SatchelConnection *connection; /* NULL: closed */
  guint n_lines;                 /* that wait for an answer */
} Client;

static void
line_end (Line *line)
{
  Client *client = line->client;
  if (client->connection != NULL && line->reply != NULL)
    {
      gsize len;
      const char *data = g_bytes_get_data (line->reply, &len);
      satchel_connection_print (client->connection, "%s ok %.*s\n", line->tag, (int) len, data);
    }
  else if (client->connection != NULL)
    satchel_connection_print (client->connection, "%s error %d %s\n", line->tag, line->error->code,
                              line->error->message);
  client->n_lines--;
  if (client->connection == NULL && client->n_lines == 0)
    g_free (client);
  g_clear_pointer (&line->reply, g_bytes_unref);
  g_clear_error (&line->error);
  g_free (line->tag);
  g_free (line->command);
  g_free (line);
}

static void
answered (GBytes *reply, const GError *error, gpointer data)
{
  Line *line = data;
  line->reply = reply != NULL ? g_bytes_ref (reply) : NULL;
  line->error = error != NULL ? g_error_copy (error) : NULL;
  line_end (line);
}

static void
ask_in_job (gpointer data)
{
  Line *line = data;
  g_autoptr (GBytes) request = g_bytes_new (line->command, strlen (line->command));
  line->reply = satchel_helper_call_wait (NAME, request, -1, line->timeout_ms, &line->error);
}

static void
job_done (gpointer data)
{
  line_end (data);
}

static int
make_content (const char *n_bytes)
{
  gsize len = (gsize) g_ascii_strtoull (n_bytes, NULL, 10);
  g_autoptr (GBytes) bytes = g_bytes_new_take (memset (g_malloc (len + 1), 1, len + 1), len);
  g_autoptr (SatchelStream) stream = satchel_stream_new_bytes (bytes);
  return satchel_helper_content_new (stream, len, NULL);
}

static void
take_line (Client *client, const char *text)
{
  g_auto (GStrv) words = g_strsplit (text, " ", 4);
  if (g_strv_length (words) != 4)
    {
      satchel_connection_print (client->connection, "what?\n");
      return;
    }
  Line *line = g_new0 (Line, 1);
  line->client = client;
  client->n_lines++;
  line->tag = g_strdup (words[0]);
  line->command = g_strdup (words[3]);
  line->timeout_ms = g_ascii_strtoll (words[2], NULL, 10);
  if (strcmp (words[1], "job") == 0)
    {
      satchel_job_submit (NULL, "probe", ask_in_job, job_done, line);
      return;
    }
  int fd = strcmp (words[1], "mail") == 0 ? make_content (line->command) : -1;
  g_autoptr (GBytes) request =
      fd >= 0 ? g_bytes_new_static ("content", 7) : g_bytes_new (line->command, strlen (line->command));
  (void) satchel_helper_call (NAME, request, fd, line->timeout_ms, answered, line);
  if (fd >= 0)
    close (fd);
}

static void
on_input (SatchelConnection *connection, gpointer self)
{
  for (;;)
    {
      gsize len;
      const guint8 *data = satchel_connection_peek (connection, &len);
      const guint8 *end = len > 0 ? memchr (data, '\n', len) : NULL;
      if (end == NULL)
        return;
      g_autofree char *text = g_strndup ((const char *) data, (gsize) (end - data));
      satchel_connection_consume (connection, (gsize) (end - data) + 1);
      take_line (self, text);
    }
}

static void
on_closed (SatchelConnection *connection, gpointer self, SatchelCloseReason reason)
{
  Client *client = self;
  client->connection = NULL;
  if (client->n_lines == 0)
    g_free (client);
}

static gpointer
session_new (SatchelConnection *connection, const char *peer, const SatchelConfig *section)
{
  Client *client = g_new0 (Client, 1);
  client->connection = connection;
  return client;
}

static const SatchelConnectionHandlers handlers = { .size = sizeof handlers,
                                                    .input = on_input,
                                                    .closed = on_closed };
static const SatchelServiceOps service_ops = { .size = sizeof service_ops,
                                               .role = SATCHEL_ROLE_MAIL,
                                               .port = PORT,
                                               .session_new = session_new,
                                               .handlers = &handlers };

/* ---- the module ---- */

static const SatchelConfig *next;

static gboolean
configure (const SatchelConfig *section, GError **error)
{
  settings = section;
  return TRUE;
}

static gboolean
reload (const SatchelConfig *section, GError **error)
{
  next = section;
  return TRUE;
}

static void
reload_end (gboolean is_commit)
{
  if (is_commit)
    settings = next;
}

const SatchelModule *
satchel_module (void)
{
  static const SatchelProvides provides[] = {
    { SATCHEL_KIND_HELPER, NULL, &helper_ops },
    { SATCHEL_KIND_SERVICE, NULL, &service_ops },
    { 0 },
  };
  static const SatchelConfigRow schema[] = {
    { "word", SATCHEL_CONFIG_STRING, "none", "A word", .flags = SATCHEL_CONFIG_RELOADABLE },
    { "door", SATCHEL_CONFIG_ENDPOINT, NULL, "Where to connect to", .flags = SATCHEL_CONFIG_RELOADABLE },
    { "back_door", SATCHEL_CONFIG_ENDPOINT, NULL, "Where else", .flags = SATCHEL_CONFIG_RELOADABLE },
    { "third_door", SATCHEL_CONFIG_ENDPOINT, NULL, "Where nobody connects to, at first",
      .flags = SATCHEL_CONFIG_RELOADABLE },
    { NULL },
  };
  static const SatchelModule module = {
    SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
    .name = NAME,
    .version = "0.1",
    .description = "A helper that does as it is told, for tests",
    .licence = "MIT",
    .roles = SATCHEL_ROLE_MAIL | SATCHEL_ROLE_HELPER,
    .schema = schema,
    .provides = provides,
    .configure = configure,
    .reload = reload,
    .reload_end = reload_end,
    .rights = RIGHTS,
  };
  return &module;
}
