/* SPDX-License-Identifier: MIT
 * Reads messages and takes them to the scanner.
 */
#include "teach.h"

#include "names.h"

#include <satchel/header.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_BYTES 65536u

/* Reads a message of at most @max bytes; NULL without @error: it is longer. */
static GByteArray *
read_all (SatchelStream *stream, guint64 max, GError **error)
{
  g_autoptr (GByteArray) all = g_byte_array_new ();
  g_autofree guint8 *block = g_malloc (BLOCK_BYTES);
  gssize n;
  while ((n = satchel_stream_read_at (stream, all->len, block, BLOCK_BYTES, error)) > 0)
    {
      if ((guint64) n > max - all->len)
        return NULL;
      g_byte_array_append (all, block, (guint) n);
    }
  return n == 0 ? g_steal_pointer (&all) : NULL;
}

/* Leaves out the module's own field, which would tell the scanner what to think. */
static GBytes *
strip (const GByteArray *message)
{
  static const char *const names[] = { SPAM_FIELD };
  const char *text = (const char *) message->data;
  SatchelHeaderReader reader;
  SatchelHeaderField field;
  gsize head_len = 0;
  satchel_header_reader_init (&reader, text, message->len);
  while (satchel_header_reader_next (&reader, &field))
    head_len = (gsize) (field.raw + field.raw_len - text);
  g_autoptr (SatchelHeaderNames) set = satchel_header_names_new (names, G_N_ELEMENTS (names));
  GString *out = g_string_sized_new (message->len);
  satchel_header_select (text, head_len, set, TRUE, out);
  g_string_append_len (out, text + head_len, (gssize) (message->len - head_len));
  return g_string_free_to_bytes (out);
}

gboolean
spam_teach (const SpamSettings *settings, const char *user, GBytes *content, gboolean is_spam,
            SpamLearnt *ret_learnt, GError **error)
{
  const SpamQuestion question = { .ask = is_spam ? SPAM_ASK_LEARN_SPAM : SPAM_ASK_LEARN_HAM,
                                  .user = settings->is_per_user ? user : NULL };
  g_autoptr (GBytes) request = spam_question_pack (&question);
  g_autoptr (SatchelStream) stream = satchel_stream_new_bytes (content);
  int fd = satchel_helper_content_new (stream, g_bytes_get_size (content), error);
  if (fd < 0)
    return FALSE;
  g_autoptr (GBytes) reply = satchel_helper_call_wait (SPAM_MODULE, request, fd, settings->timeout_ms, error);
  close (fd);
  if (reply == NULL)
    return FALSE;
  return spam_learnt_unpack (reply, ret_learnt)
         || satchel_error_set (error, SATCHEL_ERROR_FAILED, "the helper's answer is malformed");
}

SpamRead
spam_teach_read (const SpamSettings *settings, SatchelMailbox *mailbox, guint32 uid, GBytes **ret_content,
                 GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (SatchelStream) stream = satchel_mailbox_open_message (mailbox, uid, &local);
  g_autoptr (GByteArray) message = stream != NULL ? read_all (stream, settings->max_bytes, &local) : NULL;
  if (g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_GONE)
      || g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_LOCKED))
    return SPAM_READ_GONE;
  if (local != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local));
      return SPAM_READ_FAILED;
    }
  if (message == NULL || message->len == 0)
    return SPAM_READ_UNWANTED;
  *ret_content = strip (message);
  return SPAM_READ;
}
