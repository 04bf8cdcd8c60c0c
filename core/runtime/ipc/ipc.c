/* SPDX-License-Identifier: MIT
 * Builds, reads and checks the messages of ipc.h. A message is a header of 32 bytes and a body. Numbers
 * have the byte order of the machine; strings and bytes have their length before them, and strings are
 * also NUL-ended.
 */
#include "config.h"

#include "core/runtime/ipc/ipc_private.h"
#include <errno.h>
#include <poll.h>
#include <satchel/retry.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY_BYTES 256u

SatchelIpcMessage *
satchel_ipc_message_new (SatchelIpcType type, guint64 session_id)
{
  SatchelIpcMessage *message = g_new0 (SatchelIpcMessage, 1);
  message->type = type;
  message->session_id = session_id;
  message->body_room = BODY_BYTES;
  message->body = g_byte_array_sized_new (BODY_BYTES);
  for (guint i = 0; i < SATCHEL_IPC_MAX_FDS; i++)
    message->fds[i] = -1;
  return message;
}

void
satchel_ipc_message_free (SatchelIpcMessage *message)
{
  if (message == NULL)
    return;
  if (message->owns_fds)
    for (guint i = 0; i < message->n_fds; i++)
      if (message->fds[i] >= 0)
        close (message->fds[i]);
  /* Bodies may hold passwords and keys. */
  if (message->body->len > 0)
    explicit_bzero (message->body->data, message->body->len);
  g_byte_array_unref (message->body);
  g_free (message);
}

/* Does what g_byte_array_append does, which may leave an old copy in memory without wiping it. */
static void
append_bytes (SatchelIpcMessage *message, const void *data, gsize len)
{
  GByteArray *body = message->body;
  if (body->len + len > message->body_room)
    {
      message->body_room = MAX (2 * message->body_room, body->len + len);
      message->body = g_byte_array_sized_new ((guint) message->body_room);
      g_byte_array_append (message->body, body->data, body->len);
      explicit_bzero (body->data, body->len);
      g_byte_array_unref (body);
    }
  /* There is room, and a message has dozens of small fields. */
  memcpy (message->body->data + message->body->len, data, len);
  message->body->len += (guint) len;
}

static gboolean
has_room (SatchelIpcMessage *message, gsize len)
{
  if (len > SATCHEL_IPC_MAX_BYTES - SATCHEL_IPC_HEADER_BYTES - message->body->len)
    message->failed = TRUE;
  return !message->failed;
}

void
satchel_ipc_put_u32 (SatchelIpcMessage *message, guint32 value)
{
  if (has_room (message, sizeof value))
    append_bytes (message, &value, sizeof value);
}

void
satchel_ipc_put_u64 (SatchelIpcMessage *message, guint64 value)
{
  if (has_room (message, sizeof value))
    append_bytes (message, &value, sizeof value);
}

void
satchel_ipc_put_string (SatchelIpcMessage *message, const char *value)
{
  const char *text = value != NULL ? value : "";
  gsize len = strlen (text);
  if (len > SATCHEL_IPC_MAX_BYTES || !has_room (message, sizeof (guint32) + len + 1))
    {
      message->failed = TRUE;
      return;
    }
  satchel_ipc_put_u32 (message, (guint32) len);
  append_bytes (message, text, len + 1);
}

void
satchel_ipc_put_bytes (SatchelIpcMessage *message, const void *data, gsize len)
{
  if (len > SATCHEL_IPC_MAX_BYTES || !has_room (message, sizeof (guint32) + len))
    {
      message->failed = TRUE;
      return;
    }
  satchel_ipc_put_u32 (message, (guint32) len);
  if (len > 0)
    append_bytes (message, data, len);
}

void
satchel_ipc_put_fd (SatchelIpcMessage *message, int fd)
{
  if (fd < 0 || message->n_fds >= SATCHEL_IPC_MAX_FDS)
    message->failed = TRUE;
  else
    message->fds[message->n_fds++] = fd;
}

static const guint8 *
take_body (SatchelIpcMessage *message, gsize len)
{
  if (message->failed || len > message->body->len - message->read_offset)
    {
      message->failed = TRUE;
      return NULL;
    }
  const guint8 *at = message->body->data + message->read_offset;
  message->read_offset += len;
  return at;
}

guint32
satchel_ipc_get_u32 (SatchelIpcMessage *message)
{
  guint32 value = 0;
  const guint8 *at = take_body (message, sizeof value);
  if (at != NULL)
    memcpy (&value, at, sizeof value);
  return value;
}

guint64
satchel_ipc_get_u64 (SatchelIpcMessage *message)
{
  guint64 value = 0;
  const guint8 *at = take_body (message, sizeof value);
  if (at != NULL)
    memcpy (&value, at, sizeof value);
  return value;
}

const char *
satchel_ipc_get_string (SatchelIpcMessage *message)
{
  gsize len = satchel_ipc_get_u32 (message);
  const char *text = (const char *) take_body (message, len + 1);
  /* g_utf8_validate stops at a NUL inside the text. */
  if (text == NULL || text[len] != '\0' || !g_utf8_validate (text, (gssize) len, NULL))
    {
      message->failed = TRUE;
      return "";
    }
  return text;
}

const guint8 *
satchel_ipc_get_bytes (SatchelIpcMessage *message, gsize *ret_len)
{
  gsize len = satchel_ipc_get_u32 (message);
  const guint8 *at = take_body (message, len);
  *ret_len = at != NULL ? len : 0;
  return at != NULL ? at : (const guint8 *) "";
}

int
satchel_ipc_take_fd (SatchelIpcMessage *message)
{
  for (guint i = 0; i < message->n_fds; i++)
    {
      if (message->fds[i] < 0)
        continue;
      int fd = message->fds[i];
      message->fds[i] = -1;
      return fd;
    }
  return -1;
}

gboolean
satchel_ipc_message_is_done (SatchelIpcMessage *message)
{
  return !message->failed && message->read_offset == message->body->len;
}

/* Makes one call of sendmsg. Returns 0 or an errno. */
int
satchel_ipc_write (int fd, const SatchelIpcMessage *message, int flags)
{
  SatchelIpcHeader header = { .version = SATCHEL_IPC_VERSION,
                              .type = (guint32) message->type,
                              .session_id = message->session_id,
                              .deadline_ms = message->deadline_ms,
                              .body_len = message->body->len };
  union
  {
    struct cmsghdr align;
    guint8 space[CMSG_SPACE (SATCHEL_IPC_MAX_FDS * sizeof (int))];
  } control;
  struct iovec parts[2] = { { &header, sizeof header }, { message->body->data, message->body->len } };
  struct msghdr envelope = { .msg_iov = parts, .msg_iovlen = 2 };
  for (guint i = 0; i < message->n_fds; i++)
    header.n_fds += message->fds[i] >= 0;
  if (header.n_fds > 0)
    {
      memset (&control, 0, sizeof control);
      envelope.msg_control = &control;
      envelope.msg_controllen = CMSG_SPACE (header.n_fds * sizeof (int));
      struct cmsghdr *rights = CMSG_FIRSTHDR (&envelope);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN (header.n_fds * sizeof (int));
      guint8 *out = CMSG_DATA (rights);
      for (guint i = 0; i < message->n_fds; i++)
        if (message->fds[i] >= 0)
          {
            memcpy (out, &message->fds[i], sizeof (int));
            out += sizeof (int);
          }
    }
  gssize n = SATCHEL_RETRY (sendmsg (fd, &envelope, flags | MSG_NOSIGNAL));
  return n < 0 ? errno : 0;
}

/* Moves received descriptors into @message; those of a message that is refused are closed with it. */
static void
collect_fds (struct msghdr *envelope, SatchelIpcMessage *message)
{
  message->owns_fds = TRUE;
  for (struct cmsghdr *part = CMSG_FIRSTHDR (envelope); part != NULL; part = CMSG_NXTHDR (envelope, part))
    {
      if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
        continue;
      gsize n = (part->cmsg_len - CMSG_LEN (0)) / sizeof (int);
      for (gsize i = 0; i < n; i++)
        {
          int fd;
          memcpy (&fd, CMSG_DATA (part) + i * sizeof (int), sizeof fd);
          if (message->n_fds < SATCHEL_IPC_MAX_FDS)
            message->fds[message->n_fds++] = fd;
          else
            close (fd);
        }
    }
}

/* Returns the thread's buffer of SATCHEL_IPC_MAX_BYTES for the next message, borrowed. */
static guint8 *
get_buffer (void)
{
  static GPrivate buffers = G_PRIVATE_INIT (g_free);
  guint8 *buffer = g_private_get (&buffers);
  if (buffer == NULL)
    {
      buffer = g_malloc (SATCHEL_IPC_MAX_BYTES);
      g_private_set (&buffers, buffer);
    }
  return buffer;
}

/* Says whether the kernel delivered the whole message.  If a sender gives too many descriptors, the room for
 * them is full; if it is not full, the kernel left some out because this process may open no more, and the
 * message only lacks them. */
static gboolean
is_whole (const struct msghdr *envelope, SatchelIpcMessage *message)
{
  gboolean is_fds_cut = (envelope->msg_flags & MSG_CTRUNC) != 0;
  message->lacks_fds = is_fds_cut && message->n_fds < SATCHEL_IPC_MAX_FDS;
  return (envelope->msg_flags & MSG_TRUNC) == 0 && (!is_fds_cut || message->lacks_fds);
}

static gboolean
is_header_good (const SatchelIpcHeader *header, gsize len, const SatchelIpcMessage *message)
{
  if (header->version != SATCHEL_IPC_VERSION || header->body_len != len - sizeof *header)
    return FALSE;
  return message->lacks_fds ? header->n_fds > message->n_fds && header->n_fds <= SATCHEL_IPC_MAX_FDS
                            : header->n_fds == message->n_fds;
}

/* Takes header and body from the @len bytes that were received.  FALSE means that they are no message. */
static gboolean
parse_message (const guint8 *bytes, gsize len, SatchelIpcMessage *message)
{
  SatchelIpcHeader header;
  if (len < sizeof header)
    return FALSE;
  memcpy (&header, bytes, sizeof header);
  if (!is_header_good (&header, len, message))
    return FALSE;
  message->type = (SatchelIpcType) header.type;
  message->session_id = header.session_id;
  message->deadline_ms = header.deadline_ms;
  append_bytes (message, bytes + sizeof header, header.body_len);
  return TRUE;
}

SatchelIpcRead
satchel_ipc_read (int fd, int flags, SatchelIpcMessage **ret_message)
{
  union
  {
    struct cmsghdr align;
    guint8 space[CMSG_SPACE (SATCHEL_IPC_MAX_FDS * sizeof (int))];
  } control;
  guint8 *buffer = get_buffer ();
  struct iovec part = { buffer, SATCHEL_IPC_MAX_BYTES };
  struct msghdr envelope = {
    .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
  };
  gssize n = SATCHEL_RETRY (recvmsg (fd, &envelope, flags | MSG_CMSG_CLOEXEC));
  if (n < 0)
    return errno == EAGAIN ? SATCHEL_IPC_READ_AGAIN : SATCHEL_IPC_READ_ENDED;
  if (n == 0)
    return SATCHEL_IPC_READ_ENDED;
  g_autoptr (SatchelIpcMessage) message = satchel_ipc_message_new (0, 0);
  collect_fds (&envelope, message);
  gboolean is_good = is_whole (&envelope, message) && parse_message (buffer, (gsize) n, message);
  explicit_bzero (buffer, (gsize) n);
  if (!is_good)
    return SATCHEL_IPC_READ_BAD;
  *ret_message = g_steal_pointer (&message);
  return SATCHEL_IPC_READ_OK;
}

SatchelIpcMessage *
satchel_ipc_receive_blocking (int fd, int timeout_ms, GError **error)
{
  gint64 end = timeout_ms < 0 ? -1 : g_get_monotonic_time () / 1000 + timeout_ms;
  for (;;)
    {
      SatchelIpcMessage *message = NULL;
      switch (satchel_ipc_read (fd, MSG_DONTWAIT, &message))
        {
        case SATCHEL_IPC_READ_OK:
          return message;
        case SATCHEL_IPC_READ_BAD:
          satchel_error_set (error, SATCHEL_ERROR_INVALID, "the other process sent a malformed message");
          return NULL;
        case SATCHEL_IPC_READ_ENDED:
          satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "the other process has closed the link");
          return NULL;
        case SATCHEL_IPC_READ_AGAIN:
          break;
        }
      struct pollfd wait = { fd, POLLIN, 0 };
      gint64 left = end < 0 ? -1 : end - g_get_monotonic_time () / 1000;
      if (end >= 0 && left <= 0)
        {
          satchel_error_set (error, SATCHEL_ERROR_TIMEOUT, "the other process sent no message within %d ms",
                             timeout_ms);
          return NULL;
        }
      (void) poll (&wait, 1, (int) left);
    }
}

gboolean
satchel_ipc_send_blocking (int fd, SatchelIpcMessage *message, GError **error)
{
  g_autoptr (SatchelIpcMessage) owned = message;
  if (owned->failed)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "the message of type %d is too long",
                              (int) owned->type);
  for (;;)
    {
      int errnum = satchel_ipc_write (fd, owned, MSG_DONTWAIT);
      if (errnum == 0)
        return TRUE;
      if (errnum != EAGAIN)
        return satchel_error_set_errno (error, errnum, "the message of type %d could not be sent",
                                        (int) owned->type);
      struct pollfd wait = { fd, POLLOUT, 0 };
      (void) poll (&wait, 1, -1);
    }
}
