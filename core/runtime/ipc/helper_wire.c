/* SPDX-License-Identifier: MIT
 * Puts requests and replies of helpers into messages; see helper_private.h.
 */
#include "config.h"

#include "core/runtime/ipc/helper_private.h"
#include "core/runtime/ipc/sealed.h"

#include <unistd.h>

/* The most bytes that fit beside the other fields of a message. */
#define INLINE_BYTES 12288u

enum
{
  IN_MESSAGE = 0,
  IN_FILE = 1
};

gboolean
satchel_helper_put_bytes (SatchelIpcMessage *message, GBytes *bytes, int *ret_fd)
{
  gsize len = 0;
  const void *data = bytes != NULL ? g_bytes_get_data (bytes, &len) : NULL;
  *ret_fd = -1;
  if (len > SATCHEL_HELPER_BYTES_MAX)
    return FALSE;
  satchel_ipc_put_u32 (message, len > INLINE_BYTES ? IN_FILE : IN_MESSAGE);
  if (len <= INLINE_BYTES)
    {
      satchel_ipc_put_bytes (message, data, len);
      return TRUE;
    }
  *ret_fd = satchel_sealed_new ("satchel-helper", data, len, NULL);
  if (*ret_fd >= 0)
    satchel_ipc_put_fd (message, *ret_fd);
  return *ret_fd >= 0;
}

GBytes *
satchel_helper_take_bytes (SatchelIpcMessage *message)
{
  guint32 place = satchel_ipc_get_u32 (message);
  if (message->failed || place > IN_FILE)
    return NULL;
  if (place == IN_MESSAGE)
    {
      gsize len;
      const guint8 *data = satchel_ipc_get_bytes (message, &len);
      return message->failed ? NULL : g_bytes_new (data, len);
    }
  int fd = satchel_ipc_take_fd (message);
  if (fd < 0)
    return NULL;
  GBytes *bytes = satchel_sealed_read (fd, SATCHEL_HELPER_BYTES_MAX);
  close (fd);
  return bytes;
}
