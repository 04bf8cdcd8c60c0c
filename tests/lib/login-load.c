/* SPDX-License-Identifier: MIT
 * This program makes load of logins for `tests/fault/login-flood.py`: clients that log in by app passwords,
 * each time over a connection of its own, and guessers that keep theirs, as attackers do.  All are IMAP
 * clients behind one proxy, so that each has a network of its own.  In one thread, so that it leaves the
 * processors to the server.
 *
 *   login-load PORT SECRETS LOGINS CLIENTS GUESSES GUESSERS RATE
 *
 * SECRETS is a file of lines "NAME SECRET".  It ends when there were so many LOGINS and GUESSES; logins go on
 * while there are guesses.  RATE: guesses a second; 0: as fast as they are answered.  It prints one line of
 * JSON.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024u
#define IDLE_S 120.0

typedef enum
{
  GREETED, /* waits for the greeting */
  ASKED,   /* waits for the answer to LOGIN */
  ENDING,  /* a client that logged in waits for the end of the connection */
  RESTING  /* a guesser waits for its turn */
} State;

typedef struct Client
{
  gboolean is_guesser;
  guint index;
  guint n; /* number of its login or guess */
  int fd;
  State state;
  gsize len;
  char line[LINE_MAX_BYTES];
} Client;

typedef struct Load
{
  int port, epoll;
  GPtrArray *names, *secrets;
  guint n_logins, n_guesses, logins_begun, logins_done, guesses_begun, guesses_done, n_clients;
  double rate, began_s, logins_end_s,
      guesses_end_s; /* when the last login was over, and the last guess made */
  GQueue resting;    /* Client, guessers that may go on */
  GHashTable *answers;
} Load;
static Load load;

static double
now_s (void)
{
  return (double) g_get_monotonic_time () / G_USEC_PER_SEC;
}

static void
fail (const char *what, const char *text)
{
  fprintf (stderr, "login-load: %s: %s\n", what, text);
  exit (1);
}

static void
send_text (const Client *client, const void *text, gsize len)
{
  /* The lines are short, so that the socket has room for them.  A server that has closed is seen on reading.
   */
  if (send (client->fd, text, len, MSG_NOSIGNAL) != (gssize) len && errno != EPIPE && errno != ECONNRESET)
    fail ("send", g_strerror (errno));
}

/* Sends the PROXY header, version 2, with the address that is this client's. */
static void
send_header (const Client *client)
{
  guint8 header[28] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c";
  guint k = client->index;
  const guint8 guesser[4] = { 198, 18 + k / 2048, (guint8) (k / 8), k % 8 };
  const guint8 user[4] = { 192, 0, 2, (guint8) (client->n % load.names->len + 1) };
  memcpy (header + 16, client->is_guesser ? guesser : user, 4);
  memcpy (header + 20, (const guint8[]) { 192, 0, 2, 254, 15, 160, 0, 143 }, 8);
  send_text (client, header, sizeof header);
}

static void
connect_client (Client *client)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons ((guint16) load.port) };
  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  client->fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  /* On loopback this does not wait for the server, unless its line of connections is full. */
  if (client->fd < 0 || connect (client->fd, (struct sockaddr *) &address, sizeof address) != 0)
    fail ("connect", g_strerror (errno));
  (void) fcntl (client->fd, F_SETFL, O_NONBLOCK);
  (void) setsockopt (client->fd, IPPROTO_TCP, TCP_NODELAY, &(int) { 1 }, sizeof (int));
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };
  if (epoll_ctl (load.epoll, EPOLL_CTL_ADD, client->fd, &event) != 0)
    fail ("epoll", g_strerror (errno));
  client->state = GREETED;
  client->len = 0;
  send_header (client);
}

static void
close_client (Client *client)
{
  if (client->fd >= 0)
    close (client->fd);
  client->fd = -1;
}

/* ---- what clients do ---- */

static gboolean
has_more_logins (void)
{
  return load.logins_begun < load.n_logins || load.guesses_done < load.n_guesses;
}

static void
begin_login (Client *client)
{
  if (!has_more_logins ())
    {
      load.n_clients--;
      return;
    }
  client->n = load.logins_begun++;
  connect_client (client);
}

static void
ask (Client *client)
{
  guint who = client->n % load.names->len;
  g_autofree char *text = NULL;
  if (!client->is_guesser)
    text = g_strdup_printf ("a LOGIN %s %s\r\n", (char *) load.names->pdata[who],
                            (char *) load.secrets->pdata[who]);
  else if (client->n % 2 != 0)
    text = g_strdup_printf ("a LOGIN %s guess%u\r\n", (char *) load.names->pdata[who], client->n);
  else
    text = g_strdup_printf ("a LOGIN nobody%u guess%u\r\n", client->n, client->n);
  client->state = ASKED;
  send_text (client, text, strlen (text));
}

/* Lets guessers that rest guess, as many as the rate has room for. */
static void
wake_guessers (void)
{
  double room = (now_s () - load.began_s) * load.rate;
  while (load.guesses_begun < load.n_guesses && !g_queue_is_empty (&load.resting)
         && (load.rate <= 0 || load.guesses_begun < room))
    {
      Client *client = g_queue_pop_head (&load.resting);
      client->n = load.guesses_begun++;
      load.guesses_end_s = now_s ();
      if (client->fd < 0)
        connect_client (client);
      else
        ask (client);
    }
}

static void
count_answer (const char *line)
{
  const char *end = strchr (line, ']');
  if (!g_str_has_prefix (line, "a NO [") || end == NULL)
    fail ("a guess", line);
  g_autofree char *code = g_strndup (line + strlen ("a NO ["), (gsize) (end - line) - strlen ("a NO ["));
  guint n = GPOINTER_TO_UINT (g_hash_table_lookup (load.answers, code));
  g_hash_table_replace (load.answers, g_steal_pointer (&code), GUINT_TO_POINTER (n + 1));
}

static void
rest (Client *client)
{
  client->state = RESTING;
  g_queue_push_tail (&load.resting, client);
}

static void
take_line (Client *client, const char *line)
{
  if (client->state == GREETED && g_str_has_prefix (line, "* OK"))
    ask (client);
  else if (client->state == ASKED && g_str_has_prefix (line, "a "))
    {
      if (client->is_guesser)
        {
          count_answer (line);
          load.guesses_done++;
          rest (client);
          return;
        }
      if (!g_str_has_prefix (line, "a OK"))
        fail ("an app password", line);
      client->state = ENDING;
      send_text (client, "b LOGOUT\r\n", 10);
    }
}

/* A guesser whose connection the server has closed makes another, and guesses again what was not answered. */
static void
take_end (Client *client)
{
  close_client (client);
  if (client->is_guesser)
    {
      if (client->state != RESTING)
        connect_client (client);
      return;
    }
  if (client->state != ENDING)
    fail ("an app password", "the server has closed the connection");
  load.logins_done++;
  load.logins_end_s = now_s ();
  begin_login (client);
}

static void
take_lines (Client *client)
{
  char *end;
  while (client->fd >= 0 && (end = memchr (client->line, '\n', client->len)) != NULL)
    {
      gsize used = (gsize) (end + 1 - client->line);
      *end = '\0';
      take_line (client, client->line);
      client->len -= used;
      memmove (client->line, client->line + used, client->len);
    }
  if (client->len == sizeof client->line)
    fail ("a line", "is too long");
}

static void
read_client (Client *client)
{
  gssize n = recv (client->fd, client->line + client->len, sizeof client->line - client->len, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (n <= 0)
    {
      take_end (client);
      return;
    }
  client->len += (gsize) n;
  take_lines (client);
}

/* ---- the run ---- */

static void
read_secrets (const char *path)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  if (!g_file_get_contents (path, &text, NULL, &error))
    fail ("secrets", error->message);
  g_auto (GStrv) lines = g_strsplit (g_strchomp (text), "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    {
      char *blank = strchr (*line, ' ');
      if (blank == NULL)
        fail ("secrets", *line);
      g_ptr_array_add (load.names, g_strndup (*line, (gsize) (blank - *line)));
      g_ptr_array_add (load.secrets, g_strdup (blank + 1));
    }
}

static void
start_clients (guint n_clients, guint n_guessers)
{
  for (guint i = 0; i < n_guessers; i++)
    {
      Client *client = g_new0 (Client, 1);
      *client = (Client) { .is_guesser = TRUE, .index = i, .fd = -1 };
      rest (client);
    }
  load.n_clients = n_clients;
  for (guint i = 0; i < n_clients; i++)
    {
      Client *client = g_new0 (Client, 1);
      client->fd = -1;
      begin_login (client);
    }
}

static void
run (void)
{
  struct epoll_event events[64];
  double quiet_since_s = now_s ();
  while (load.n_clients > 0 || load.guesses_done < load.n_guesses)
    {
      wake_guessers ();
      int n = epoll_wait (load.epoll, events, G_N_ELEMENTS (events), load.rate > 0 ? 2 : 1000);
      for (int i = 0; i < n; i++)
        read_client (events[i].data.ptr);
      if (n > 0)
        quiet_since_s = now_s ();
      else if (now_s () - quiet_since_s > IDLE_S)
        fail ("the server", "has said nothing for two minutes");
    }
}

static double
per_s (guint n, double until_s)
{
  return until_s > load.began_s ? n / (until_s - load.began_s) : 0;
}

static void
print_result (void)
{
  GHashTableIter iter;
  gpointer code, n;
  const char *separator = "";
  printf ("{\"logins\": %u, \"logins_per_s\": %.0f, \"guesses\": %u, \"guesses_per_s\": %.0f, \"answers\": {",
          load.logins_done, per_s (load.logins_done, load.logins_end_s), load.guesses_done,
          per_s (load.guesses_begun, load.guesses_end_s));
  g_hash_table_iter_init (&iter, load.answers);
  while (g_hash_table_iter_next (&iter, &code, &n))
    {
      printf ("%s\"%s\": %u", separator, (char *) code, GPOINTER_TO_UINT (n));
      separator = ", ";
    }
  printf ("}}\n");
}

int
main (int argc, char **argv)
{
  if (argc != 8)
    fail ("usage", "login-load PORT SECRETS LOGINS CLIENTS GUESSES GUESSERS RATE");
  load = (Load) { .port = atoi (argv[1]),
                  .n_logins = (guint) atoi (argv[3]),
                  .n_guesses = (guint) atoi (argv[5]),
                  .rate = atof (argv[7]),
                  .epoll = epoll_create1 (EPOLL_CLOEXEC),
                  .names = g_ptr_array_new (),
                  .secrets = g_ptr_array_new (),
                  .answers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL) };
  read_secrets (argv[2]);
  load.began_s = now_s ();
  start_clients ((guint) atoi (argv[4]), (guint) atoi (argv[6]));
  run ();
  print_result ();
  return 0;
}
