/* SPDX-License-Identifier: MIT
 * Connections over a socket pair: every split, slow readers, limits, ends of all kinds.
 */
#include "config.h"

#include "core/runtime/connection/connection_private.h"
#include "core/runtime/loop/reactor_private.h"
#include "tests/lib/loop.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef HAVE_ZLIB
#include <zlib.h>
#endif

/* A line echo: each line comes back with its length; "big N" makes N bytes, yielding at the high-water mark;
 * "pause" pauses until resumed; "quit" closes. */
typedef struct Echo
{
  SatchelConnection *connection;
  int peer;
  gsize left; /* of "big" */
  guint n_input, n_closed, n_drained, n_timeout, n_shutdown;
  SatchelCloseReason reason;
  gsize most_pending;
} Echo;

static void
produce (Echo *echo)
{
  static const char pattern[1000] = "abcdefghij";
  while (echo->left > 0 && !satchel_connection_is_full (echo->connection))
    {
      gsize n = MIN (echo->left, sizeof pattern);
      satchel_connection_write (echo->connection, pattern, n);
      echo->left -= n;
      echo->most_pending = MAX (echo->most_pending, satchel_connection_pending (echo->connection));
    }
}

static void
echo_input (SatchelConnection *connection, gpointer self)
{
  Echo *echo = self;
  echo->n_input++;
  while (echo->left == 0)
    {
      gsize len;
      const char *data = (const char *) satchel_connection_peek (connection, &len);
      const char *end = memchr (data, '\n', len);
      if (end == NULL)
        return;
      gsize line_len = (gsize) (end - data);
      g_autofree char *line = g_strndup (data, line_len);
      satchel_connection_consume (connection, line_len + 1);
      if (g_str_equal (line, "quit"))
        {
          satchel_connection_print (connection, "bye\n");
          satchel_connection_close (connection);
          return;
        }
      if (g_str_equal (line, "abort"))
        {
          satchel_connection_abort (connection);
          return;
        }
      if (g_str_equal (line, "pause"))
        {
          satchel_connection_pause (connection);
          return;
        }
      if (g_str_has_prefix (line, "big "))
        {
          echo->left = (gsize) g_ascii_strtoull (line + 4, NULL, 10);
          produce (echo);
          continue;
        }
      satchel_connection_print (connection, "%" G_GSIZE_FORMAT ":%s\n", line_len, line);
    }
}

static void
echo_drained (SatchelConnection *connection, gpointer self)
{
  Echo *echo = self;
  echo->n_drained++;
  produce (echo);
  if (echo->left == 0)
    echo_input (connection, self);
}

static void
echo_timeout (SatchelConnection *connection, gpointer self)
{
  ((Echo *) self)->n_timeout++;
  satchel_connection_print (connection, "too slow\n");
  satchel_connection_close (connection);
}

static void
echo_shutdown (SatchelConnection *connection, gpointer self)
{
  ((Echo *) self)->n_shutdown++;
  satchel_connection_print (connection, "going\n");
  satchel_connection_close (connection);
}

static void
echo_closed (SatchelConnection *connection, gpointer self, SatchelCloseReason reason)
{
  Echo *echo = self;
  echo->n_closed++;
  echo->reason = reason;
  echo->connection = NULL;
}

static const SatchelConnectionHandlers echo_handlers = {
  sizeof (SatchelConnectionHandlers), echo_input, echo_drained, echo_timeout, echo_shutdown, echo_closed
};

static void
echo_start (Echo *echo)
{
  int fds[2];
  memset (echo, 0, sizeof *echo);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), ==, 0);
  echo->peer = fds[1];
  echo->connection = satchel_connection_new (satchel_transport_new_plain (fds[0]), &echo_handlers, echo);
}

static void
echo_stop (Echo *echo)
{
  close (echo->peer);
  loop_until (echo->n_closed == 1);
  loop_until (satchel_connections_count () == 0);
}

static void
peer_send (Echo *echo, const char *text, gsize len)
{
  g_assert_cmpint (send (echo->peer, text, len, MSG_NOSIGNAL), ==, (gssize) len);
}

/* Reads what the peer has, into @got; FALSE at the end. */
static gboolean
peer_read (Echo *echo, GString *got)
{
  char buffer[65536];
  gssize n = recv (echo->peer, buffer, sizeof buffer, MSG_DONTWAIT);
  if (n > 0)
    g_string_append_len (got, buffer, n);
  return n != 0 && (n > 0 || errno == EAGAIN);
}

static void
test_every_split (void)
{
  const char script[] = "hello\n\nworld of lines\nx\n";
  const char want[] = "5:hello\n0:\n14:world of lines\n1:x\n";
  for (gsize split = 0; split <= strlen (script); split++)
    {
      Echo echo;
      echo_start (&echo);
      g_autoptr (GString) got = g_string_new ("");
      peer_send (&echo, script, split);
      loop_settle ();
      peer_send (&echo, script + split, strlen (script) - split);
      loop_until (peer_read (&echo, got) && got->len >= strlen (want));
      g_assert_cmpstr (got->str, ==, want);
      g_assert_cmpuint (satchel_connection_memory (echo.connection), ==, 0);
      echo_stop (&echo);
      g_assert_cmpint (echo.reason, ==, SATCHEL_CLOSED_BY_PEER);
    }
}

static void
test_byte_by_byte (void)
{
  Echo echo;
  echo_start (&echo);
  satchel_connection_set_wiping (echo.connection, TRUE);
  const char script[] = "one\ntwo\nquit\n";
  g_autoptr (GString) got = g_string_new ("");
  for (const char *at = script; *at != '\0'; at++)
    {
      peer_send (&echo, at, 1);
      loop_settle ();
    }
  loop_until (!peer_read (&echo, got));
  g_assert_cmpstr (got->str, ==, "3:one\n3:two\nbye\n");
  loop_until (echo.n_closed == 1);
  g_assert_cmpint (echo.reason, ==, SATCHEL_CLOSED_BY_US);
  close (echo.peer);
  loop_until (satchel_connections_count () == 0);
}

/* A slow reader holds the producer at the high-water mark; all arrives, in order, and commands wait their
 * turn. */
static void
check_slow_reader (gsize high_water)
{
  Echo echo;
  echo_start (&echo);
  satchel_connection_set_high_water (echo.connection, high_water);
  peer_send (&echo, "big 3000000\nafter\n", 18);
  loop_settle ();
  g_assert_cmpuint (echo.left, >, 0);
  g_assert_cmpuint (satchel_connection_pending (echo.connection), <=, high_water + 1000);
  g_autoptr (GString) got = g_string_new ("");
  while (got->len < 3000000 + 8)
    {
      g_assert_true (peer_read (&echo, got));
      g_main_context_iteration (NULL, FALSE);
    }
  g_assert_cmpuint (got->len, ==, 3000000 + 8);
  g_assert_cmpstr (got->str + 3000000, ==, "5:after\n");
  g_assert_cmpuint (echo.most_pending, <=, high_water + 1000);
  g_assert_cmpuint (echo.n_drained, >, 0);
  g_assert_cmpuint (satchel_connection_memory (echo.connection), ==, 0);
  echo_stop (&echo);
}

static void
test_slow_reader (void)
{
  check_slow_reader (256 * 1024);
  check_slow_reader (5000);
  check_slow_reader (1); /* the one-byte buffer of the protocol scripts */
}

/* Unconsumed input is kept up to the limit and no further. */
static void
test_input_limit (void)
{
  Echo echo;
  echo_start (&echo);
  satchel_connection_set_input_limit (echo.connection, 8192);
  char much[20000];
  memset (much, 'x', sizeof much);
  gsize sent = 0;
  for (guint i = 0; i < 50; i++)
    {
      gssize n = send (echo.peer, much, sizeof much, MSG_DONTWAIT | MSG_NOSIGNAL);
      sent += n > 0 ? (gsize) n : 0;
      loop_settle ();
    }
  gsize len;
  satchel_connection_peek (echo.connection, &len);
  g_assert_cmpuint (len, ==, 8192);
  g_assert_cmpuint (satchel_connection_memory (echo.connection), <=, 8192);
  g_assert_cmpuint (sent, >, 8192);
  /* When there is room again, reading goes on. */
  guint before = echo.n_input;
  satchel_connection_consume (echo.connection, 8192);
  loop_until (echo.n_input > before);
  echo_stop (&echo);
}

static void
test_pause (void)
{
  Echo echo;
  echo_start (&echo);
  peer_send (&echo, "pause\nheld\n", 11);
  loop_settle ();
  guint before = echo.n_input;
  peer_send (&echo, "more\n", 5);
  loop_settle ();
  g_assert_cmpuint (echo.n_input, ==, before);
  satchel_connection_resume (echo.connection);
  g_autoptr (GString) got = g_string_new ("");
  loop_until (peer_read (&echo, got) && got->len >= 14);
  g_assert_cmpstr (got->str, ==, "4:held\n4:more\n");
  echo_stop (&echo);
}

/* A peer that vanishes during a job is noticed at once; `closed` waits for the hold. */
static void
note_dying (SatchelConnection *connection, gpointer data)
{
  *(gboolean *) data = TRUE;
}

static void
test_vanish_while_paused (void)
{
  Echo echo;
  gboolean is_dying = FALSE;
  echo_start (&echo);
  peer_send (&echo, "pause\n", 6);
  loop_settle ();
  satchel_connection_hold (echo.connection);
  satchel_connection_set_dying (echo.connection, note_dying, &is_dying);
  close (echo.peer);
  loop_until (is_dying);
  g_assert_cmpuint (echo.n_closed, ==, 0);
  g_assert_true (satchel_connection_is_dead (echo.connection));
  satchel_connection_print (echo.connection, "to nobody\n");
  satchel_connection_release (echo.connection);
  loop_until (echo.n_closed == 1);
  loop_until (satchel_connections_count () == 0);
}

/* A peer that has said all and half-closed still gets all answers, through pauses and a slow reader. */
static void
test_half_closed (void)
{
  Echo echo;
  echo_start (&echo);
  peer_send (&echo, "one\npause\nbig 900000\ntwo\n", 25);
  shutdown (echo.peer, SHUT_WR);
  loop_settle ();
  g_assert_cmpuint (echo.n_closed, ==, 0);
  satchel_connection_resume (echo.connection);
  g_autoptr (GString) got = g_string_new ("");
  while (peer_read (&echo, got))
    g_main_context_iteration (NULL, FALSE);
  g_assert_cmpuint (got->len, ==, 6 + 900000 + 6);
  g_assert_true (g_str_has_prefix (got->str, "3:one\n"));
  g_assert_cmpstr (got->str + 6 + 900000, ==, "3:two\n");
  echo_stop (&echo);
  g_assert_cmpint (echo.reason, ==, SATCHEL_CLOSED_BY_PEER);
}

/* Closing sends everything first, however slow the peer. */
static void
test_close_sends_all (void)
{
  Echo echo;
  echo_start (&echo);
  satchel_connection_set_high_water (echo.connection, 4000000);
  peer_send (&echo, "big 2000000\nquit\nignored\n", 25);
  loop_settle ();
  g_assert_cmpuint (echo.n_closed, ==, 0);
  g_autoptr (GString) got = g_string_new ("");
  while (peer_read (&echo, got))
    g_main_context_iteration (NULL, FALSE);
  g_assert_cmpuint (got->len, ==, 2000000 + 4);
  g_assert_cmpstr (got->str + 2000000, ==, "bye\n");
  g_assert_cmpuint (echo.n_closed, ==, 1);
  close (echo.peer);
  loop_until (satchel_connections_count () == 0);
}

static void
test_abort_in_callback (void)
{
  Echo echo;
  echo_start (&echo);
  peer_send (&echo, "one\nabort\ntwo\n", 14);
  loop_until (echo.n_closed == 1);
  g_assert_cmpint (echo.reason, ==, SATCHEL_CLOSED_BY_US);
  close (echo.peer);
  loop_until (satchel_connections_count () == 0);
}

static void
test_timeouts (void)
{
  Echo echo;
  echo_start (&echo);
  satchel_connection_set_idle_timeout (echo.connection, 300);
  g_autoptr (GString) got = g_string_new ("");
  loop_until (!peer_read (&echo, got));
  g_assert_cmpstr (got->str, ==, "too slow\n");
  g_assert_cmpuint (echo.n_timeout, ==, 1);
  close (echo.peer);
  loop_until (satchel_connections_count () == 0);
  /* Reads nothing: dropped, without a chance to say anything. */
  echo_start (&echo);
  satchel_connection_set_write_timeout (echo.connection, 300);
  peer_send (&echo, "big 5000000\n", 12);
  loop_until (echo.n_closed == 1);
  g_assert_cmpint (echo.reason, ==, SATCHEL_CLOSED_TIMEOUT);
  close (echo.peer);
}

static void
test_shutdown (void)
{
  Echo echo[3];
  for (guint i = 0; i < 3; i++)
    echo_start (&echo[i]);
  satchel_connections_shutdown ();
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GString) got = g_string_new ("");
      loop_until (!peer_read (&echo[i], got));
      g_assert_cmpstr (got->str, ==, "going\n");
      close (echo[i].peer);
    }
  loop_until (satchel_connections_count () == 0);
}

/* For the hand-over: unread input and unsent output come out, `closed` is called at once. */
static void
test_take_apart (void)
{
  Echo echo;
  echo_start (&echo);
  peer_send (&echo, "pause\nunread input", 18);
  loop_settle ();
  satchel_connection_print (echo.connection, "unsent");
  g_autoptr (GBytes) input = NULL;
  g_autoptr (GBytes) output = NULL;
  SatchelTransport *transport = satchel_connection_take_apart (echo.connection, &input, &output);
  g_assert_cmpuint (echo.n_closed, ==, 1);
  g_assert_cmpmem (g_bytes_get_data (input, NULL), g_bytes_get_size (input), "unread input", 12);
  g_assert_cmpmem (g_bytes_get_data (output, NULL), g_bytes_get_size (output), "unsent", 6);
  /* Goes on elsewhere. */
  Echo next = { .peer = echo.peer };
  next.connection = satchel_connection_new (transport, &echo_handlers, &next);
  satchel_connection_push_input (next.connection, "pushed\n", 7);
  g_autoptr (GString) got = g_string_new ("");
  loop_until (peer_read (&next, got) && got->len >= 9);
  g_assert_cmpstr (got->str, ==, "6:pushed\n");
  echo_stop (&next);
}

static void
test_many_writes_one_piece (void)
{
  Echo echo;
  echo_start (&echo);
  GBytes *large = g_bytes_new_take (g_strnfill (100000, 'L'), 100000);
  satchel_connection_print (echo.connection, "head ");
  satchel_connection_write_bytes (echo.connection, large);
  satchel_connection_write_bytes (echo.connection, g_bytes_new_static ("tail", 4));
  g_autoptr (GString) got = g_string_new ("");
  loop_until (peer_read (&echo, got) && got->len >= 100009);
  g_assert_true (g_str_has_prefix (got->str, "head LLL"));
  g_assert_true (g_str_has_suffix (got->str, "LLLtail"));
  echo_stop (&echo);
}

/* ---- compression ---- */

#ifdef HAVE_ZLIB
/* @text as a client would send it. */
static GString *
packed (const char *text, gsize len)
{
  z_stream out = { 0 };
  GString *result = g_string_new (NULL);
  guint8 block[4096];
  g_assert_cmpint (deflateInit2 (&out, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), ==, Z_OK);
  out.next_in = (guint8 *) text;
  out.avail_in = (uInt) len;
  do
    {
      out.next_out = block;
      out.avail_out = sizeof block;
      deflate (&out, Z_SYNC_FLUSH);
      g_string_append_len (result, (char *) block, (gssize) (sizeof block - out.avail_out));
    }
  while (out.avail_out == 0);
  deflateEnd (&out);
  return result;
}

/* All of @got behind @n_plain bytes, as a client would read it. */
static GString *
unpacked (const GString *got, gsize n_plain)
{
  z_stream in = { 0 };
  GString *result = g_string_new_len (got->str, (gssize) n_plain);
  guint8 block[4096];
  g_assert_cmpint (inflateInit2 (&in, -15), ==, Z_OK);
  in.next_in = (guint8 *) got->str + n_plain;
  in.avail_in = (uInt) (got->len - n_plain);
  do
    {
      in.next_out = block;
      in.avail_out = sizeof block;
      int status = inflate (&in, Z_SYNC_FLUSH);
      g_assert_true (status == Z_OK || status == Z_BUF_ERROR);
      g_string_append_len (result, (char *) block, (gssize) (sizeof block - in.avail_out));
    }
  while (in.avail_out == 0);
  inflateEnd (&in);
  return result;
}

/* Reads what there is: does it hold @line behind @n_plain bytes that are not compressed? */
static gboolean
has_read (Echo *echo, GString *got, gsize n_plain, const char *line)
{
  g_assert_true (peer_read (echo, got));
  if (got->len < n_plain)
    return FALSE;
  g_autoptr (GString) text = unpacked (got, n_plain);
  return strstr (text->str, line) != NULL;
}

/* What was written before goes as it is, unread input is compressed; after a rest it goes on. */
static void
test_compress (void)
{
  Echo echo;
  g_autoptr (GString) got = g_string_new (NULL), early = packed ("early\n", 6), later = packed ("later\n", 6);
  g_string_prepend (early, "pause\n");
  echo_start (&echo);
  peer_send (&echo, early->str, early->len);
  loop_until (echo.n_input == 1);
  satchel_connection_print (echo.connection, "plain\n");
  g_assert_true (satchel_connection_compress (echo.connection));
  g_assert_false (satchel_connection_compress (echo.connection));
  satchel_connection_print (echo.connection, "first\n");
  satchel_connection_resume (echo.connection);
  loop_until (has_read (&echo, got, 6, "first\n5:early\n"));
  g_assert_true (g_str_has_prefix (got->str, "plain\n"));
  satchel_connection_rest (echo.connection);
  for (gsize i = 0; i < later->len; i++)
    {
      peer_send (&echo, later->str + i, 1);
      loop_settle ();
    }
  loop_until (has_read (&echo, got, 6, "first\n5:early\n5:later\n"));
  echo_stop (&echo);
}

/* A peer that takes little at a time: no byte is lost or sent twice, and what waits stays bounded. */
static void
test_compress_slow_reader (void)
{
  Echo echo;
  g_autoptr (GString) got = g_string_new (NULL);
  const gsize size = 20 * 1000 * 1000;
  g_autoptr (GString) command = packed ("big 20000000\n", 13);
  echo_start (&echo);
  int small = 4096;
  int fd = satchel_connection_transport (echo.connection)->fd;
  g_assert_cmpint (setsockopt (fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), ==, 0);
  g_assert_true (satchel_connection_compress (echo.connection));
  satchel_connection_set_high_water (echo.connection, 50000);
  peer_send (&echo, command->str, command->len);
  loop_until (echo.n_input == 1);
  loop_until (peer_read (&echo, got) && echo.left == 0 && satchel_connection_pending (echo.connection) == 0);
  g_assert_true (peer_read (&echo, got));
  g_assert_cmpuint (echo.most_pending, <=, 51000);
  g_autoptr (GString) text = unpacked (got, 0);
  g_assert_cmpuint (text->len, ==, size);
  g_assert_cmpmem (text->str + size - 1000, 10, "abcdefghij", 10);
  echo_stop (&echo);
}

/* 16 MiB in a few KiB: what is decompressed stays within the input limit. */
static void
test_compress_bomb (void)
{
  Echo echo;
  g_autofree char *zeros = g_malloc0 (16 * 1024 * 1024);
  g_autoptr (GString) bomb = packed (zeros, 16 * 1024 * 1024);
  echo_start (&echo);
  satchel_connection_set_input_limit (echo.connection, 10000);
  g_assert_true (satchel_connection_compress (echo.connection));
  peer_send (&echo, bomb->str, bomb->len);
  loop_until (echo.n_input > 0);
  loop_settle ();
  gsize len;
  satchel_connection_peek (echo.connection, &len);
  g_assert_cmpuint (len, <=, 10000);
  g_assert_cmpuint (satchel_connection_memory (echo.connection), <=, 40000);
  echo_stop (&echo);
}

static void
test_compress_damaged (void)
{
  Echo echo;
  echo_start (&echo);
  g_assert_true (satchel_connection_compress (echo.connection));
  peer_send (&echo, "no deflate at all\n", 18);
  loop_until (echo.n_closed == 1);
  g_assert_cmpint (echo.reason, ==, SATCHEL_CLOSED_CUT);
  g_assert_cmpuint (echo.n_input, ==, 0);
  echo_stop (&echo);
}
#endif

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/runtime/connection/every-split", test_every_split);
  g_test_add_func ("/runtime/connection/byte-by-byte", test_byte_by_byte);
  g_test_add_func ("/runtime/connection/slow-reader", test_slow_reader);
  g_test_add_func ("/runtime/connection/input-limit", test_input_limit);
  g_test_add_func ("/runtime/connection/pause", test_pause);
  g_test_add_func ("/runtime/connection/vanish-while-paused", test_vanish_while_paused);
  g_test_add_func ("/runtime/connection/half-closed", test_half_closed);
  g_test_add_func ("/runtime/connection/close-sends-all", test_close_sends_all);
  g_test_add_func ("/runtime/connection/abort-in-callback", test_abort_in_callback);
  g_test_add_func ("/runtime/connection/timeouts", test_timeouts);
  g_test_add_func ("/runtime/connection/shutdown", test_shutdown);
  g_test_add_func ("/runtime/connection/take-apart", test_take_apart);
#ifdef HAVE_ZLIB
  g_test_add_func ("/runtime/connection/compress", test_compress);
  g_test_add_func ("/runtime/connection/compress-slow-reader", test_compress_slow_reader);
  g_test_add_func ("/runtime/connection/compress-bomb", test_compress_bomb);
  g_test_add_func ("/runtime/connection/compress-damaged", test_compress_damaged);
#endif
  g_test_add_func ("/runtime/connection/write-bytes", test_many_writes_one_piece);
  return g_test_run ();
}
