/* SPDX-License-Identifier: MIT
 * Makes connections for a helper (connector.h), in a thread for each question, since a name may take long
 * to resolve and a host to answer.
 */
#include "config.h"

#include "core/daemon/role/connector.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/fd.h"
#include "core/runtime/loop/breadcrumb.h"
#include "core/runtime/ipc/endpoint.h"
#include "core/runtime/ipc/ipc.h"
#include "core/runtime/log/log_private.h"

#define QUESTION_FD 3
#define QUESTIONS_MAX 64
#define DNS_PORT 53

typedef struct Question
{
  SatchelEndpoint *endpoint;
  gboolean only_resolve;
  gint64 end_ms;
  int answer_fd;
} Question;

static gint n_questions; /* how many questions have threads that have not ended; atomic */

static gint64
now_ms (void)
{
  return g_get_monotonic_time () / 1000;
}

/* Sends an answer. @text: the address of the connection, or why there is none. */
static void
send_answer (int answer_fd, int fd, gint status, const char *text)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_CONNECTED, 0);
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  satchel_ipc_put_u32 (message, (guint32) status);
  satchel_ipc_put_string (message, valid);
  if (fd >= 0)
    satchel_ipc_put_fd (message, fd);
  (void) satchel_ipc_send_blocking (answer_fd, message, NULL);
}

static gboolean
answer_error (const Question *question, int errnum)
{
  SatchelErrorCode code = errnum == ETIMEDOUT ? SATCHEL_ERROR_TIMEOUT : SATCHEL_ERROR_UNAVAILABLE;
  send_answer (question->answer_fd, -1, 1 + (gint) code,
               errnum == ETIMEDOUT ? "the connection was not made in time" : g_strerror (errnum));
  return FALSE;
}

/* Returns a connected, blocking socket; -1 with errno. */
static int
connect_to (const struct sockaddr *address, socklen_t len, gint64 end_ms)
{
  g_auto (SatchelFd) fd = socket (address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return -1;
  int errnum = connect (fd, address, len) == 0 ? 0 : errno;
  if (errnum == EINPROGRESS || errnum == EAGAIN)
    {
      struct pollfd wait = { fd, POLLOUT, 0 };
      socklen_t errnum_len = sizeof errnum;
      int n = poll (&wait, 1, (int) MAX (0, end_ms - now_ms ()));
      if (n <= 0)
        errnum = ETIMEDOUT;
      else if (errnum == EINPROGRESS)
        (void) getsockopt (fd, SOL_SOCKET, SO_ERROR, &errnum, &errnum_len);
    }
  if (errnum == 0 && fcntl (fd, F_SETFL, 0) == 0)
    return satchel_fd_steal (&fd);
  errno = errnum;
  return -1;
}

static gboolean
connect_unix (const Question *question)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  g_strlcpy (address.sun_path, question->endpoint->path, sizeof address.sun_path);
  if (question->only_resolve)
    {
      g_autofree char *text = g_strconcat ("unix:", question->endpoint->path, NULL);
      send_answer (question->answer_fd, -1, 0, text);
      return TRUE;
    }
  g_auto (SatchelFd) fd = connect_to ((const struct sockaddr *) &address, sizeof address, question->end_ms);
  if (fd < 0)
    return answer_error (question, errno);
  send_answer (question->answer_fd, fd, 0, "");
  return TRUE;
}

static gboolean
answer_address (const Question *question, const struct addrinfo *info)
{
  char host[INET6_ADDRSTRLEN + 16];
  if (getnameinfo (info->ai_addr, info->ai_addrlen, host, sizeof host, NULL, 0, NI_NUMERICHOST) != 0)
    return answer_error (question, EINVAL);
  g_autofree char *text =
      g_strdup_printf (info->ai_family == AF_INET6 ? "[%s]:%u" : "%s:%u", host, question->endpoint->port);
  send_answer (question->answer_fd, -1, 0, text);
  return TRUE;
}

static gboolean
connect_one_of (const Question *question, const struct addrinfo *first)
{
  int errnum = EHOSTUNREACH;
  guint n = 0;
  for (const struct addrinfo *info = first; info != NULL; info = info->ai_next)
    n++;
  for (const struct addrinfo *info = first; info != NULL; info = info->ai_next, n--)
    {
      /* A host that does not answer must leave time to try the others. */
      gint64 left_ms = question->end_ms - now_ms ();
      g_auto (SatchelFd) fd =
          left_ms > 0 ? connect_to (info->ai_addr, info->ai_addrlen, now_ms () + left_ms / n) : -1;
      if (fd >= 0)
        {
          static const int on = 1;
          (void) setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
          send_answer (question->answer_fd, fd, 0, "");
          return TRUE;
        }
      errnum = left_ms > 0 ? errno : ETIMEDOUT;
    }
  return answer_error (question, errnum);
}

static gboolean
connect_tcp (const Question *question)
{
  char port[8];
  struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG },
                  *found = NULL;
  g_snprintf (port, sizeof port, "%u", question->endpoint->port);
  int status = getaddrinfo (question->endpoint->host, port, &hints, &found);
  if (status == EAI_NONAME || status == EAI_ADDRFAMILY || status == EAI_NODATA)
    {
      /* AI_ADDRCONFIG ignores loopback addresses; on a machine with no others the question is asked again
       * without it. */
      hints.ai_flags = AI_NUMERICSERV;
      status = getaddrinfo (question->endpoint->host, port, &hints, &found);
    }
  if (status != 0)
    {
      send_answer (question->answer_fd, -1, 1 + SATCHEL_ERROR_UNAVAILABLE, gai_strerror (status));
      return FALSE;
    }
  gboolean ok = question->only_resolve ? answer_address (question, found) : connect_one_of (question, found);
  freeaddrinfo (found);
  return ok;
}

static gpointer
work_on_question (gpointer data)
{
  Question *question = data;
  (void) (question->endpoint->path != NULL ? connect_unix (question) : connect_tcp (question));
  close (question->answer_fd);
  satchel_endpoint_free (question->endpoint);
  g_free (question);
  g_atomic_int_add (&n_questions, -1);
  return NULL;
}

static void
take_question (const GPtrArray *granted, SatchelIpcMessage *message)
{
  const char *text = satchel_ipc_get_string (message);
  gboolean only_resolve = satchel_ipc_get_u32 (message) != 0;
  guint32 timeout_ms = satchel_ipc_get_u32 (message);
  g_auto (SatchelFd) answer_fd = satchel_ipc_take_fd (message);
  /* Only the helper sends messages here; a helper that breaks the rules is not served any more. */
  if (message->type != SATCHEL_IPC_CONNECT || !satchel_ipc_message_is_done (message) || answer_fd < 0)
    _exit (1);
  g_autofree char *why = NULL;
  gboolean is_granted = g_ptr_array_find_with_equal_func ((GPtrArray *) granted, text, g_str_equal, NULL);
  SatchelEndpoint *endpoint = is_granted ? satchel_endpoint_parse (text, &why) : NULL;
  gboolean is_full = g_atomic_int_get (&n_questions) >= QUESTIONS_MAX;
  if (endpoint == NULL || is_full)
    {
      if (endpoint == NULL)
        send_answer (answer_fd, -1, 1 + SATCHEL_ERROR_NOPERM,
                     "no setting named this endpoint when the process started");
      else
        send_answer (answer_fd, -1, 1 + SATCHEL_ERROR_RESOURCES, "too many connections are being made");
      satchel_endpoint_free (endpoint);
      return;
    }
  Question *question = g_new0 (Question, 1);
  *question =
      (Question) { endpoint, only_resolve, now_ms () + MIN (timeout_ms, SATCHEL_ENDPOINT_TIMEOUT_MAX_MS),
                   satchel_fd_steal (&answer_fd) };
  g_atomic_int_inc (&n_questions);
  GThread *thread = g_thread_try_new ("connect", work_on_question, question, NULL);
  if (thread == NULL)
    (void) work_on_question (question); /* no thread could be started, so the question is answered here */
  else
    g_thread_unref (thread);
}

static gboolean
close_door (const GPtrArray *granted, SatchelSandboxMode mode, GError **error)
{
  g_auto (SatchelFd) root = open ("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0)
    return satchel_error_set_errno (error, errno, "the root directory cannot be opened for the sandbox");
  SatchelSandboxPath everything = { root, FALSE, FALSE };
  g_autoptr (GArray) ports = satchel_endpoint_ports (granted);
  /* A resolver may also use TCP. */
  static const guint16 dns = DNS_PORT;
  if (ports->len > 0)
    g_array_append_val (ports, dns);
  satchel_sandbox_preload (SATCHEL_ROLE_CONNECTOR);
  return satchel_sandbox_enter (SATCHEL_ROLE_CONNECTOR, mode, &everything, 1, ports, error);
}

static G_GNUC_NORETURN void
serve_questions (const GPtrArray *granted, SatchelSandboxMode mode)
{
  g_autoptr (GError) error = NULL;
  /* The descriptors that the helper was given are not for the connector. */
  satchel_log_open (-1, SATCHEL_LOG_ERROR, "connector");
  syscall (SYS_close_range, QUESTION_FD + 1u, ~0u, 0);
  satchel_job_set_breadcrumbs (NULL);
  (void) prctl (PR_SET_NAME, "connector", 0, 0, 0);
  if (!close_door (granted, mode, &error))
    {
      send_answer (QUESTION_FD, -1, 1 + SATCHEL_ERROR_FAILED, error->message);
      _exit (1);
    }
  send_answer (QUESTION_FD, -1, 0, "");
  for (;;)
    {
      g_autoptr (SatchelIpcMessage) message = satchel_ipc_receive_blocking (QUESTION_FD, -1, NULL);
      if (message == NULL)
        _exit (0);
      take_question (granted, message);
    }
}

/* Waits for the first message of the connector, which says that its sandbox is closed. */
static gboolean
hear_ready (int fd, GError **error)
{
  g_autoptr (SatchelIpcMessage) message = satchel_ipc_receive_blocking (fd, 60000, error);
  if (message == NULL)
    return FALSE;
  guint32 status = satchel_ipc_get_u32 (message);
  const char *why = satchel_ipc_get_string (message);
  return status == 0 ? TRUE
                     : satchel_error_set (error, SATCHEL_ERROR_FAILED,
                                          "the process that connects for this helper failed: %s", why);
}

gboolean
satchel_connector_start (const GPtrArray *granted, SatchelSandboxMode mode, GError **error)
{
  g_auto (SatchelFdPair) pair = SATCHEL_FD_PAIR_NONE;
  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.ends) != 0)
    return satchel_error_set_errno (error, errno,
                                    "no link to the connecting process can be made (socketpair)");
  pid_t parent = getpid (), pid = fork ();
  if (pid == 0)
    {
      prctl (PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
      if (getppid () != parent || dup3 (pair.ends[1], QUESTION_FD, O_CLOEXEC) < 0)
        _exit (1);
      serve_questions (granted, mode);
    }
  if (pid < 0)
    return satchel_error_set_errno (error, errno, "the connecting process cannot be started (fork)");
  satchel_fd_clear (&pair.ends[1]);
  if (!hear_ready (pair.ends[0], error))
    return FALSE;
  satchel_endpoint_set_connector (satchel_fd_steal (&pair.ends[0]));
  return TRUE;
}
