/* SPDX-License-Identifier: MIT
 * IPC: round trips, queueing, and a peer that sends what it likes.
 */
#include "config.h"

#include "core/runtime/ipc/ipc_private.h"
#include "core/runtime/log/log_private.h"
#include "core/runtime/loop/reactor_private.h"
#include "tests/lib/loop.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tests/lib/seed.h"

typedef struct Side
{
  SatchelIpcLink *link;
  guint n_messages, n_closed;
  guint64 sum;
  int fd;
  gboolean refuse, free_in_call;
} Side;

static gboolean
take_message (SatchelIpcLink *link, SatchelIpcMessage *message, gpointer data)
{
  Side *side = data;
  side->n_messages++;
  side->sum += message->session_id;
  if (message->n_fds > 0)
    side->fd = satchel_ipc_take_fd (message);
  if (side->free_in_call)
    {
      satchel_ipc_link_free (link);
      side->link = NULL;
      return TRUE;
    }
  return !side->refuse;
}

static void
note_closed (SatchelIpcLink *link, gpointer data)
{
  Side *side = data;
  side->n_closed++;
  satchel_ipc_link_free (link);
  side->link = NULL;
}

static void
quiet (SatchelLogLevel level, const char *area, const char *message)
{
}

static void
make_pair (int fds[2])
{
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), ==, 0);
}

static void
test_round_trip (void)
{
  int fds[2];
  make_pair (fds);
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_AUTH_REPLY, 42);
  message->deadline_ms = 99;
  satchel_ipc_put_u32 (message, 7);
  satchel_ipc_put_u64 (message, G_MAXUINT64);
  satchel_ipc_put_string (message, "j\xc3\xb6rg");
  satchel_ipc_put_string (message, NULL);
  satchel_ipc_put_bytes (message, "a\0b", 3);
  satchel_ipc_put_bytes (message, NULL, 0);
  satchel_ipc_put_fd (message, fds[0]);
  g_assert_true (satchel_ipc_send_blocking (fds[0], message, NULL));
  g_autoptr (SatchelIpcMessage) got = satchel_ipc_receive_blocking (fds[1], 1000, NULL);
  g_assert_nonnull (got);
  g_assert_cmpint (got->type, ==, SATCHEL_IPC_AUTH_REPLY);
  g_assert_cmpuint (got->session_id, ==, 42);
  g_assert_cmpuint (got->deadline_ms, ==, 99);
  g_assert_cmpuint (satchel_ipc_get_u32 (got), ==, 7);
  g_assert_cmpuint (satchel_ipc_get_u64 (got), ==, G_MAXUINT64);
  g_assert_cmpstr (satchel_ipc_get_string (got), ==, "j\xc3\xb6rg");
  g_assert_cmpstr (satchel_ipc_get_string (got), ==, "");
  gsize len;
  const guint8 *data = satchel_ipc_get_bytes (got, &len);
  g_assert_cmpmem (data, len, "a\0b", 3);
  g_assert_false (satchel_ipc_message_is_done (got));
  satchel_ipc_get_bytes (got, &len);
  g_assert_cmpuint (len, ==, 0);
  g_assert_true (satchel_ipc_message_is_done (got));
  int fd = satchel_ipc_take_fd (got);
  g_assert_cmpint (fcntl (fd, F_GETFD) & FD_CLOEXEC, !=, 0);
  g_assert_cmpint (satchel_ipc_take_fd (got), ==, -1);
  g_assert_cmpuint (satchel_ipc_get_u32 (got), ==, 0);
  g_assert_false (satchel_ipc_message_is_done (got));
  close (fd);
  g_autoptr (GError) error = NULL;
  g_assert_null (satchel_ipc_receive_blocking (fds[1], 10, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_TIMEOUT);
  close (fds[0]);
  close (fds[1]);
}

/* The room of a body grows with its fields, whole or in part, up to the bound of a message, where the rest
 * fails. */
static void
test_growing_body (void)
{
  static const char field[] = "field";
  for (guint first = 0; first < 8; first++)
    {
      g_autoptr (SatchelIpcMessage) message = satchel_ipc_message_new (SATCHEL_IPC_READY, 0);
      guint n = 0;
      for (guint i = 0; i < first; i++)
        satchel_ipc_put_bytes (message, "", 0); /* so that the room ends at each place of a field */
      for (; !message->failed; n++)
        {
          satchel_ipc_put_bytes (message, field, sizeof field);
          g_assert_cmpuint (message->body->len, <=, message->body_room);
          g_assert_cmpuint (message->body->len, <=, SATCHEL_IPC_MAX_BYTES - SATCHEL_IPC_HEADER_BYTES);
        }
      message->failed = FALSE;
      for (guint i = 0; i < first + n - 1; i++)
        {
          gsize len;
          const guint8 *data = satchel_ipc_get_bytes (message, &len);
          g_assert_cmpmem (data, len, field, i < first ? 0 : sizeof field);
        }
      g_assert_true (satchel_ipc_message_is_done (message));
    }
}

/* A descriptor that this process may not have any more is lost, the message and those behind it are not. */
static void
test_out_of_descriptors (void)
{
  int fds[2];
  make_pair (fds);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (SatchelIpcMessage) message = satchel_ipc_message_new (SATCHEL_IPC_LISTENER, i + 1);
      satchel_ipc_put_fd (message, fds[0]);
      g_assert_cmpint (satchel_ipc_write (fds[0], message, MSG_DONTWAIT), ==, 0);
    }
  struct rlimit before, low;
  getrlimit (RLIMIT_NOFILE, &before);
  int next = dup (fds[0]);
  close (next);
  low = before;
  low.rlim_cur = (rlim_t) next;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &low), ==, 0);
  g_autoptr (SatchelIpcMessage) without = NULL, whole = NULL;
  g_assert_cmpint (satchel_ipc_read (fds[1], MSG_DONTWAIT, &without), ==, SATCHEL_IPC_READ_OK);
  setrlimit (RLIMIT_NOFILE, &before);
  g_assert_true (without->lacks_fds);
  g_assert_cmpuint (without->session_id, ==, 1);
  g_assert_cmpint (satchel_ipc_take_fd (without), ==, -1);
  g_assert_cmpint (satchel_ipc_read (fds[1], MSG_DONTWAIT, &whole), ==, SATCHEL_IPC_READ_OK);
  g_assert_false (whole->lacks_fds);
  g_assert_cmpuint (whole->n_fds, ==, 1);
  close (fds[0]);
  close (fds[1]);
}

/* Fields that do not parse: wrong lengths, a NUL inside, bad UTF-8, a missing end. */
static void
test_hostile_fields (void)
{
  static const struct
  {
    const char *body;
    gsize len;
  } cases[] = { { "", 0 },
                { "\1\0\0", 3 },
                { "\4\0\0\0abc", 7 },
                { "\3\0\0\0abc", 7 },
                { "\3\0\0\0abcd", 8 },
                { "\3\0\0\0a\0c\0", 8 },
                { "\2\0\0\0\xc3(\0", 7 },
                { "\xff\xff\xff\xff", 4 },
                { "\xff\xff\xff\xff\0\0", 6 },
                { "\xfe\xff\xff\xff\0\0", 6 } };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (SatchelIpcMessage) message = satchel_ipc_message_new (SATCHEL_IPC_GRANT, 1);
      g_byte_array_append (message->body, (const guint8 *) cases[i].body, (guint) cases[i].len);
      g_assert_cmpstr (satchel_ipc_get_string (message), ==, "");
      g_assert_true (message->failed);
      g_assert_false (satchel_ipc_message_is_done (message));
    }
  g_autoptr (SatchelIpcMessage) large = satchel_ipc_message_new (SATCHEL_IPC_GRANT, 1);
  g_autofree char *much = g_strnfill (20000, 'x');
  satchel_ipc_put_string (large, much);
  g_assert_true (large->failed);
}

static void
send_raw (int fd, const void *data, gsize len, const int *fds, guint n_fds)
{
  union
  {
    struct cmsghdr align;
    guint8 space[CMSG_SPACE (64 * sizeof (int))];
  } control = { 0 };
  struct iovec part = { (void *) data, len };
  struct msghdr envelope = { .msg_iov = &part, .msg_iovlen = 1 };
  if (n_fds > 0)
    {
      envelope.msg_control = &control;
      envelope.msg_controllen = CMSG_SPACE (n_fds * sizeof (int));
      struct cmsghdr *rights = CMSG_FIRSTHDR (&envelope);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN (n_fds * sizeof (int));
      memcpy (CMSG_DATA (rights), fds, n_fds * sizeof (int));
    }
  g_assert_cmpint (sendmsg (fd, &envelope, MSG_NOSIGNAL), ==, (gssize) len);
}

static guint
count_fds (void)
{
  guint n = 0;
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

/* A peer that has been taken over: whatever it sends, the link closes and no descriptor stays open. */
static void
test_hostile_messages (void)
{
  satchel_log_divert (quiet);
  satchel_reactor_init ();
  loop_settle ();
  guint before = count_fds ();
  SatchelIpcHeader good = { SATCHEL_IPC_VERSION, SATCHEL_IPC_HELLO, 1, 0, 4, 0 };
  for (guint kind = 0; kind < 8; kind++)
    {
      int fds[2], extra[20];
      guint8 packet[70000] = { 0 };
      gsize len = sizeof good + 4;
      guint n_fds = 0;
      SatchelIpcHeader header = good;
      make_pair (fds);
      for (guint i = 0; i < G_N_ELEMENTS (extra); i++)
        extra[i] = fds[0];
      switch (kind)
        {
        case 0:
          header.version = SATCHEL_IPC_VERSION + 1;
          break;
        case 1:
          header.body_len = 5;
          break;
        case 2:
          header.body_len = 3;
          break;
        case 3:
          len = 10;
          break;
        case 4:
          header.n_fds = 1; /* announced, not sent */
          break;
        case 5:
          n_fds = 2; /* sent, not announced */
          break;
        case 6:
          header.n_fds = n_fds = 20; /* too many */
          break;
        default:
          header.body_len = 60000; /* too long */
          len = sizeof good + 60000;
          break;
        }
      memcpy (packet, &header, sizeof header);
      Side side = { .fd = -1 };
      side.link = satchel_ipc_link_new (fds[1], take_message, note_closed, &side);
      send_raw (fds[0], packet, len, extra, n_fds);
      loop_until (side.n_closed == 1);
      g_assert_cmpuint (side.n_messages, ==, 0);
      close (fds[0]);
    }
  g_assert_cmpuint (count_fds (), ==, before);
  satchel_log_divert (NULL);
}

static void
test_random_messages (void)
{
  satchel_log_divert (quiet);
  for (guint round = 0; round < 500; round++)
    {
      int fds[2];
      make_pair (fds);
      guint8 packet[600];
      gsize len = (gsize) g_test_rand_int_range (1, sizeof packet);
      for (gsize i = 0; i < len; i++)
        packet[i] = (guint8) g_test_rand_int ();
      SatchelIpcHeader header = {
        SATCHEL_IPC_VERSION, 1, 0, 0, (guint32) (len - MIN (len, sizeof header)), 0
      };
      if (round % 2 == 0 && len >= sizeof header)
        memcpy (packet, &header, sizeof header);
      send_raw (fds[0], packet, len, NULL, 0);
      g_autoptr (SatchelIpcMessage) message = satchel_ipc_receive_blocking (fds[1], 1000, NULL);
      if (message != NULL)
        {
          gsize n;
          while (!message->failed && message->read_offset < message->body->len)
            if (round % 4 == 0)
              satchel_ipc_get_string (message);
            else
              satchel_ipc_get_bytes (message, &n);
        }
      close (fds[0]);
      close (fds[1]);
    }
  satchel_log_divert (NULL);
}

/* A peer that reads late gets all, in order, with the descriptors, though the sender closed its own. */
static void
test_queue (void)
{
  int fds[2];
  make_pair (fds);
  Side side = { .fd = -1 };
  SatchelIpcLink *sender = satchel_ipc_link_new (fds[0], take_message, NULL, &side);
  guint8 filler[8000] = { 0 };
  for (guint i = 1; i <= 1000; i++)
    {
      SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_SESSION_END, i);
      satchel_ipc_put_bytes (message, filler, sizeof filler);
      int extra = -1;
      if (i == 1000)
        {
          extra = open ("/dev/null", O_RDONLY | O_CLOEXEC);
          satchel_ipc_put_fd (message, extra);
        }
      g_assert_true (satchel_ipc_send (sender, message));
      if (extra >= 0)
        close (extra);
    }
  side.link = satchel_ipc_link_new (fds[1], take_message, note_closed, &side);
  loop_until (side.n_messages == 1000);
  g_assert_cmpuint (side.sum, ==, 500500);
  struct stat info;
  g_assert_cmpint (fstat (side.fd, &info), ==, 0);
  g_assert_true (S_ISCHR (info.st_mode));
  close (side.fd);
  satchel_ipc_link_free (sender);
  loop_until (side.n_closed == 1);
}

/* Fills the socket of a link whose peer does not read, until one message is queued. Returns the messages. */
static guint
fill (SatchelIpcLink *link)
{
  guint n = 0;
  guint8 filler[8000] = { 0 };
  for (guint64 all = 0; all < 4 * 1024 * 1024; all += sizeof filler, n++)
    {
      SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_SESSION_END, 1);
      satchel_ipc_put_bytes (message, filler, sizeof filler);
      g_assert_true (satchel_ipc_send (link, message));
    }
  return n;
}

/* What is sent after the messages of another link comes when its peer has taken those, or has gone; the
 * sender may have freed either link meanwhile. */
static void
test_after (void)
{
  for (guint kind = 0; kind < 4; kind++)
    {
      int slow[2], quick[2];
      make_pair (slow);
      make_pair (quick);
      Side late = { .fd = -1 }, early = { .fd = -1 };
      SatchelIpcLink *first = satchel_ipc_link_new (slow[0], take_message, NULL, NULL);
      SatchelIpcLink *sender = satchel_ipc_link_new (quick[0], take_message, NULL, NULL);
      early.link = satchel_ipc_link_new (quick[1], take_message, note_closed, &early);
      g_assert_true (satchel_ipc_send_after (sender, satchel_ipc_message_new (SATCHEL_IPC_READY, 1), first));
      g_assert_true (satchel_ipc_send_after (sender, satchel_ipc_message_new (SATCHEL_IPC_READY, 2), NULL));
      guint n = fill (first);
      g_assert_true (satchel_ipc_send_after (sender, satchel_ipc_message_new (SATCHEL_IPC_READY, 40), first));
      g_assert_true (satchel_ipc_send (sender, satchel_ipc_message_new (SATCHEL_IPC_READY, 4)));
      satchel_ipc_link_drain (early.link);
      g_assert_cmpuint (early.sum, ==, 1 + 2 + 4);
      if (kind == 1)
        close (slow[1]); /* the peer of the first link goes */
      else if (kind == 2)
        satchel_ipc_link_free (g_steal_pointer (&first));
      else if (kind == 3)
        satchel_ipc_link_free (g_steal_pointer (&sender));
      if (kind == 0 || kind == 3)
        {
          late.link = satchel_ipc_link_new (slow[1], take_message, note_closed, &late);
          loop_until (late.n_messages == n);
        }
      if (kind == 3)
        loop_until (early.n_closed == 1);
      else
        loop_until (early.n_messages == 4);
      g_assert_cmpuint (early.sum, ==, kind == 3 ? 7 : 47);
      satchel_ipc_link_free (first);
      satchel_ipc_link_free (sender);
      if (late.link != NULL)
        loop_until (late.n_closed == 1);
      if (kind != 3)
        loop_until (early.n_closed == 1);
      if (kind == 2)
        close (slow[1]);
    }
}

/* A link whose peer does not read says so while there is still room. */
static void
test_behind (void)
{
  int fds[2];
  make_pair (fds);
  SatchelIpcLink *link = satchel_ipc_link_new (fds[0], take_message, NULL, NULL);
  guint n = 0;
  for (; !satchel_ipc_link_is_behind (link); n++)
    g_assert_true (satchel_ipc_send (link, satchel_ipc_message_new (SATCHEL_IPC_READY, 0)));
  for (guint more = 0; more < 1000; more++)
    g_assert_true (satchel_ipc_send (link, satchel_ipc_message_new (SATCHEL_IPC_READY, 0)));
  Side side = { .fd = -1 };
  side.link = satchel_ipc_link_new (fds[1], take_message, note_closed, &side);
  loop_until (side.n_messages == n + 1000);
  g_assert_false (satchel_ipc_link_is_behind (link));
  satchel_ipc_link_free (link);
  loop_until (side.n_closed == 1);
}

/* A peer that never reads costs at most the bound, then the link breaks. */
static void
test_queue_bound (void)
{
  satchel_log_divert (quiet);
  int fds[2];
  make_pair (fds);
  Side side = { .fd = -1 };
  side.link = satchel_ipc_link_new (fds[0], take_message, note_closed, &side);
  guint n_sent = 0;
  while (n_sent < 10000 && satchel_ipc_send (side.link, satchel_ipc_message_new (SATCHEL_IPC_READY, 0)))
    n_sent++;
  g_assert_cmpuint (n_sent, >=, 4096);
  g_assert_cmpuint (n_sent, <, 10000);
  g_assert_cmpuint (side.n_closed, ==, 0); /* never inside the caller's own call */
  loop_until (side.n_closed == 1);
  close (fds[1]);
  satchel_log_divert (NULL);
}

static void
test_refused_and_freed (void)
{
  satchel_log_divert (quiet);
  for (guint kind = 0; kind < 2; kind++)
    {
      int fds[2];
      make_pair (fds);
      Side side = { .fd = -1, .refuse = kind == 0, .free_in_call = kind == 1 };
      side.link = satchel_ipc_link_new (fds[1], take_message, note_closed, &side);
      g_assert_true (
          satchel_ipc_send_blocking (fds[0], satchel_ipc_message_new (SATCHEL_IPC_READY, 3), NULL));
      g_assert_true (
          satchel_ipc_send_blocking (fds[0], satchel_ipc_message_new (SATCHEL_IPC_READY, 4), NULL));
      if (kind == 1)
        satchel_ipc_link_drain (side.link);
      loop_until (side.link == NULL);
      g_assert_cmpuint (side.n_messages, ==, 1);
      g_assert_cmpuint (side.n_closed, ==, kind == 0);
      close (fds[0]);
    }
  satchel_log_divert (NULL);
}

int
main (int argc, char **argv)
{
  seed_test (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/runtime/ipc/round-trip", test_round_trip);
  g_test_add_func ("/runtime/ipc/growing-body", test_growing_body);
  g_test_add_func ("/runtime/ipc/out-of-descriptors", test_out_of_descriptors);
  g_test_add_func ("/runtime/ipc/hostile-fields", test_hostile_fields);
  g_test_add_func ("/runtime/ipc/hostile-messages", test_hostile_messages);
  g_test_add_func ("/runtime/ipc/random-messages", test_random_messages);
  g_test_add_func ("/runtime/ipc/queue", test_queue);
  g_test_add_func ("/runtime/ipc/after", test_after);
  g_test_add_func ("/runtime/ipc/behind", test_behind);
  g_test_add_func ("/runtime/ipc/queue-bound", test_queue_bound);
  g_test_add_func ("/runtime/ipc/refused-and-freed", test_refused_and_freed);
  return g_test_run ();
}
