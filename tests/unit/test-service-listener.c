/* SPDX-License-Identifier: MIT
 * Listeners of services in role mail: who is greeted, what happens without descriptors, and the stop.
 */
#include "config.h"

#include "core/session/mail/service_listener.h"
#include "tests/lib/loop.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <satchel/reactor.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define N_LISTENERS 4u

static int listening[N_LISTENERS];
static struct sockaddr_in6 addresses[N_LISTENERS];
static guint n_sessions, n_closed, n_sections;
static gboolean refuses;
static char *last_peer, *last_group;
static const SatchelConfig *last_section;

static void
take_input (SatchelConnection *connection, gpointer self)
{
  gsize len;
  (void) satchel_connection_peek (connection, &len);
  satchel_connection_consume (connection, len);
  satchel_connection_print (connection, "heard\n");
}

static void
note_closed (SatchelConnection *connection, gpointer self, SatchelCloseReason reason)
{
  g_assert_true (self == &n_sessions);
  n_closed++;
}

static const SatchelConnectionHandlers handlers = { .size = sizeof handlers,
                                                    .input = take_input,
                                                    .closed = note_closed };

static gpointer
greet (SatchelConnection *connection, const char *peer, const SatchelConfig *section)
{
  g_free (last_peer);
  last_peer = g_strdup (peer);
  last_section = section;
  n_sessions++;
  if (refuses)
    return NULL;
  satchel_connection_print (connection, "hello\n");
  return &n_sessions;
}

static const SatchelServiceOps service = { .size = sizeof service,
                                           .session_new = greet,
                                           .handlers = &handlers };

static const SatchelConfig *
section_of (const char *group)
{
  n_sections++;
  g_free (last_group);
  last_group = g_strdup (group);
  return (const SatchelConfig *) &n_sections; /* nobody looks into it here */
}

static void
start_listening (void)
{
  for (guint i = 0; i < N_LISTENERS; i++)
    {
      socklen_t len = sizeof addresses[i];
      listening[i] = socket (AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      addresses[i] = (struct sockaddr_in6) { .sin6_family = AF_INET6 };
      const guint8 mapped[16] = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 };
      memcpy (&addresses[i].sin6_addr, mapped, sizeof mapped);
      g_assert_cmpint (bind (listening[i], (struct sockaddr *) &addresses[i], len), ==, 0);
      g_assert_cmpint (listen (listening[i], 8), ==, 0);
      getsockname (listening[i], (struct sockaddr *) &addresses[i], &len);
      satchel_service_listen (listening[i], &service, i == 0 ? "lmtp" : "other", section_of);
    }
}

static int
dial (guint i)
{
  int fd = socket (AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (connect (fd, (struct sockaddr *) &addresses[i], sizeof addresses[i]), ==, 0);
  fcntl (fd, F_SETFL, O_NONBLOCK);
  return fd;
}

/* "-": nothing came; "": it has ended. */
static const char *
heard (int fd)
{
  static char text[100];
  ssize_t n = recv (fd, text, sizeof text - 1, 0);
  text[MAX (n, 0)] = '\0';
  return n < 0 ? "-" : text;
}

#define loop_until_heard(fd, expected)                                                                       \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    const char *heard_now;                                                                                   \
    loop_until ((heard_now = heard (fd))[0] != '-');                                                         \
    g_assert_cmpstr (heard_now, ==, expected);                                                               \
  }                                                                                                          \
  G_STMT_END

/* A session for each connection, with the section that the settings have now. */
static void
test_greeted (void)
{
  int fd = dial (0);
  n_sessions = n_sections = 0;
  loop_until_heard (fd, "hello\n");
  g_assert_cmpuint (n_sessions, ==, 1);
  g_assert_cmpuint (n_sections, ==, 1);
  g_assert_cmpstr (last_peer, ==, "127.0.0.1");
  g_assert_cmpstr (last_group, ==, "lmtp");
  g_assert_true (last_section == (const SatchelConfig *) &n_sections);
  g_assert_cmpint (send (fd, "x", 1, 0), ==, 1);
  loop_until_heard (fd, "heard\n");
  int other = dial (1);
  loop_until_heard (other, "hello\n");
  g_assert_cmpstr (last_group, ==, "other");
  n_closed = 0;
  close (fd);
  close (other);
  loop_until (n_closed == 2);
}

/* A service that takes no session: the connection ends, and nobody is told of its end. */
static void
test_refused (void)
{
  refuses = TRUE;
  n_closed = 0;
  int fd = dial (0);
  loop_until_heard (fd, "");
  close (fd);
  refuses = FALSE;
  fd = dial (0);
  loop_until_heard (fd, "hello\n");
  g_assert_cmpuint (n_closed, ==, 0);
  close (fd);
  loop_until (n_closed == 1);
}

/* Without descriptors accepting rests, nothing spins, and it recovers by itself. */
static void
test_out_of_descriptors (void)
{
  struct rlimit before, low;
  int fd = dial (0);
  getrlimit (RLIMIT_NOFILE, &before);
  int next = dup (fd);
  close (next);
  low = before;
  low.rlim_cur = (rlim_t) next;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &low), ==, 0);
  loop_settle ();
  g_assert_false (g_main_context_pending (NULL));
  g_assert_cmpstr (heard (fd), ==, "-");
  setrlimit (RLIMIT_NOFILE, &before);
  loop_until_heard (fd, "hello\n");
  n_closed = 0;
  close (fd);
  loop_until (n_closed == 1);
}

static void
note_over (SatchelTimer *timer, gpointer data)
{
  *(gboolean *) data = TRUE;
}

/* After the stop nobody is greeted on any of them; who is there already stays.  Also while a listener rests.
 */
static void
test_stop (void)
{
  struct rlimit before, low;
  int there = dial (1), fds[N_LISTENERS];
  loop_until_heard (there, "hello\n");
  fds[0] = dial (0);
  for (guint i = 1; i < N_LISTENERS; i++)
    fds[i] = -1;
  getrlimit (RLIMIT_NOFILE, &before);
  int next = dup (there);
  close (next);
  low = before;
  low.rlim_cur = (rlim_t) next;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &low), ==, 0);
  loop_settle ();
  setrlimit (RLIMIT_NOFILE, &before);
  satchel_services_stop ();
  for (guint i = 1; i < N_LISTENERS; i++)
    fds[i] = dial (i);
  n_sessions = 0;
  /* The timer of the one that rested would come within half a second; another one shows when that is over. */
  gboolean is_over = FALSE;
  SatchelTimer timer = { 0 };
  satchel_timer_arm (&timer, 600, note_over, &is_over);
  loop_until (is_over);
  g_assert_cmpuint (n_sessions, ==, 0);
  g_assert_cmpint (send (there, "x", 1, 0), ==, 1);
  loop_until_heard (there, "heard\n");
  for (guint i = 0; i < N_LISTENERS; i++)
    {
      g_assert_cmpstr (heard (fds[i]), ==, "-");
      close (fds[i]);
    }
  close (there);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL);
  start_listening ();
  g_test_add_func ("/service-listener/greeted", test_greeted);
  g_test_add_func ("/service-listener/refused", test_refused);
  g_test_add_func ("/service-listener/out-of-descriptors", test_out_of_descriptors);
  g_test_add_func ("/service-listener/stop", test_stop);
  return g_test_run ();
}
