/* SPDX-License-Identifier: MIT
 * Puts requests and replies of helpers into messages; see helper_private.h.
 */
#include "config.h"

#include "core/runtime/ipc/helper_private.h"
#include "core/runtime/ipc/sealed.h"

#include <string.h>
#include <unistd.h>

/* This many bytes fit at most beside the other fields of a message. */
#define INLINE_BYTES 12288u

/* The bytes are overwritten, since some have passwords. */
static void
wipe_and_free (gpointer data)
{
  GByteArray *bytes = data;
  if (bytes->len > 0)
    explicit_bzero (bytes->data, bytes->len);
  g_byte_array_unref (bytes);
}

static GBytes *
bytes_new_wiped (GByteArray *bytes)
{
  return g_bytes_new_with_free_func (bytes->data, bytes->len, wipe_and_free, bytes);
}

GBytes *
satchel_helper_pack (const char *const *texts)
{
  gsize len = 0;
  for (guint i = 0; texts[i] != NULL; i++)
    len += strlen (texts[i]) + 1;
  /* the array never grows, so that it leaves no copy of a secret behind */
  GByteArray *bytes = g_byte_array_sized_new ((guint) len);
  for (guint i = 0; texts[i] != NULL; i++)
    g_byte_array_append (bytes, (const guint8 *) texts[i], (guint) strlen (texts[i]) + 1);
  return bytes_new_wiped (bytes);
}

const char **
satchel_helper_unpack (GBytes *bytes, guint max)
{
  gsize len = 0;
  const char *data = bytes != NULL ? g_bytes_get_data (bytes, &len) : NULL;
  g_autoptr (GPtrArray) texts = g_ptr_array_new ();
  if (len > 0 && data[len - 1] != '\0')
    return NULL;
  for (gsize at = 0; at < len; at += strlen (data + at) + 1)
    {
      if (texts->len >= max)
        return NULL;
      g_ptr_array_add (texts, (gpointer) (data + at));
    }
  g_ptr_array_add (texts, NULL);
  return (const char **) g_ptr_array_free (g_steal_pointer (&texts), FALSE);
}

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
      if (message->failed)
        return NULL;
      GByteArray *bytes = g_byte_array_sized_new ((guint) len);
      g_byte_array_append (bytes, data, (guint) len);
      return bytes_new_wiped (bytes);
    }
  int fd = satchel_ipc_take_fd (message);
  if (fd < 0)
    return NULL;
  GBytes *bytes = satchel_sealed_read (fd, SATCHEL_HELPER_BYTES_MAX);
  close (fd);
  return bytes;
}

GBytes *
satchel_helper_take_answer (SatchelIpcMessage *message, GError **error)
{
  guint32 status = satchel_ipc_get_u32 (message);
  if (status == 0)
    {
      g_autoptr (GBytes) reply = satchel_helper_take_bytes (message);
      return reply != NULL && satchel_ipc_message_is_done (message) ? g_steal_pointer (&reply) : NULL;
    }
  const char *text = satchel_ipc_get_string (message);
  if (satchel_ipc_message_is_done (message) && status <= 1 + (guint32) SATCHEL_ERROR_RESOURCES)
    g_set_error_literal (error, SATCHEL_ERROR, (gint) (status - 1), text);
  return NULL;
}

void
satchel_helper_put_error (SatchelIpcMessage *message, SatchelErrorCode code, const char *why)
{
  g_autofree char *bounded = g_strndup (why, 1000), *valid = g_utf8_make_valid (bounded, -1);
  satchel_ipc_put_u32 (message, 1 + (guint32) code);
  satchel_ipc_put_string (message, valid);
}
