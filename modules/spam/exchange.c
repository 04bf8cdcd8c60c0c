/* SPDX-License-Identifier: MIT
 * Talks to a scanner.  It reads while it sends, since a scanner may refuse a message before it has all of it.
 */
#define _GNU_SOURCE 1
#include "exchange.h"

#include "answer.h"

#include <fcntl.h>
#include <poll.h>
#include <satchel/retry.h>
#include <string.h>
#include <sys/socket.h>

#define BLOCK_BYTES 65536u
#define HEAD_BYTES 16384u /* of the answer, up to its body */
#define LOOK_MS 200       /* how often it looks whether the caller has given up */

typedef struct Exchange
{
  int fd, content_fd;
  const char *head;
  gsize head_len, head_sent;
  guint64 content_bytes, content_sent;
  GString *answer;
  gsize expected;     /* bytes of the whole answer; 0: not known yet; G_MAXSIZE: until the scanner closes */
  gboolean is_closed; /* the scanner has closed its side */
  char block[BLOCK_BYTES];
} Exchange;

static gboolean
would_block (void)
{
  return errno == EAGAIN || errno == EWOULDBLOCK;
}

static gboolean
is_sent (const Exchange *exchange)
{
  return exchange->head_sent == exchange->head_len && exchange->content_sent == exchange->content_bytes;
}

/* Sends what the socket takes.  A scanner that takes no more may have answered already. */
static gboolean
send_some (Exchange *exchange, GError **error)
{
  const char *data = exchange->head + exchange->head_sent;
  gssize n = (gssize) (exchange->head_len - exchange->head_sent);
  if (n == 0)
    {
      n = SATCHEL_RETRY (
          pread (exchange->content_fd, exchange->block, BLOCK_BYTES, (off_t) exchange->content_sent));
      if (n <= 0)
        return satchel_error_set (error, SATCHEL_ERROR_IO, "the message cannot be read");
      data = exchange->block;
    }
  gssize sent = SATCHEL_RETRY (send (exchange->fd, data, (gsize) n, MSG_NOSIGNAL));
  if (sent < 0 && would_block ())
    return TRUE;
  if (sent < 0)
    exchange->content_sent = exchange->content_bytes, exchange->head_sent = exchange->head_len;
  else if (exchange->head_sent < exchange->head_len)
    exchange->head_sent += (gsize) sent;
  else
    exchange->content_sent += (guint64) sent;
  return TRUE;
}

static gboolean
read_some (Exchange *exchange, GError **error)
{
  gssize n = SATCHEL_RETRY (recv (exchange->fd, exchange->block, BLOCK_BYTES, 0));
  if (n < 0 && would_block ())
    return TRUE;
  if (n < 0)
    return satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "the connection broke: %s",
                              g_strerror (errno));
  if ((gsize) n > SPAM_ANSWER_BYTES - exchange->answer->len)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "the answer is longer than %u bytes",
                              SPAM_ANSWER_BYTES);
  exchange->is_closed = n == 0;
  g_string_append_len (exchange->answer, exchange->block, n);
  if (exchange->expected == 0)
    exchange->expected = spam_answer_length (exchange->answer->str, exchange->answer->len);
  if (exchange->expected == 0 && exchange->answer->len > HEAD_BYTES)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT,
                              "the answer begins with more than %u bytes of fields", HEAD_BYTES);
  return TRUE;
}

static gboolean
step (Exchange *exchange, SatchelHelperCall *call, GError **error)
{
  gint64 left_ms = satchel_helper_call_left_ms (call);
  if (satchel_helper_call_is_cancelled (call) || left_ms <= 0)
    return satchel_error_set (error, SATCHEL_ERROR_TIMEOUT, "it did not answer in time");
  struct pollfd poll_fd = { .fd = exchange->fd,
                            .events = (short) (POLLIN | (is_sent (exchange) ? 0 : POLLOUT)) };
  if (poll (&poll_fd, 1, (int) MIN (left_ms, LOOK_MS)) < 0 && errno != EINTR)
    return satchel_error_set (error, SATCHEL_ERROR_FAILED, "poll: %s", g_strerror (errno));
  if ((poll_fd.revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !read_some (exchange, error))
    return FALSE;
  return (poll_fd.revents & POLLOUT) == 0 || exchange->is_closed || send_some (exchange, error);
}

gboolean
spam_exchange (int fd, SatchelHelperCall *call, const char *head, GString *answer, GError **error)
{
  g_autofree Exchange *exchange = g_new (Exchange, 1);
  exchange->fd = fd;
  exchange->content_fd = satchel_helper_call_content_fd (call);
  exchange->head = head;
  exchange->head_len = strlen (head);
  exchange->head_sent = 0;
  exchange->content_bytes = satchel_helper_call_content_bytes (call);
  exchange->content_sent = 0;
  exchange->answer = answer;
  exchange->expected = 0;
  exchange->is_closed = FALSE;
  int flags = fcntl (fd, F_GETFL);
  if (flags < 0 || fcntl (fd, F_SETFL, flags | O_NONBLOCK) < 0)
    return satchel_error_set (error, SATCHEL_ERROR_FAILED, "fcntl: %s", g_strerror (errno));
  while (!exchange->is_closed && (exchange->expected == 0 || answer->len < exchange->expected))
    if (!step (exchange, call, error))
      return FALSE;
  return TRUE;
}
