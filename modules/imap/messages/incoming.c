/* SPDX-License-Identifier: MIT
 * This file takes the content of APPEND and REPLACE into a stage.  After a failure the rest of the content
 * is thrown away, and the answer is NO.
 */
#include "imap_session.h"

#include <string.h>

void
imap_incoming_clear (ImapIncoming *incoming)
{
  g_clear_pointer (&incoming->buffer, g_byte_array_unref);
  g_clear_pointer (&incoming->stage, satchel_stage_free);
  g_clear_pointer (&incoming->stages, g_ptr_array_unref);
  imap_append_arguments_clear (&incoming->ahead);
  g_free (incoming->name);
  g_free (incoming->code);
  memset (incoming, 0, sizeof *incoming);
}

gboolean
imap_incoming_fail (ImapIncoming *incoming, const char *code, const char *text)
{
  if (incoming->text == NULL)
    {
      incoming->code = g_strdup (code);
      incoming->text = text;
    }
  return FALSE;
}

gboolean
imap_incoming_fail_error (ImapSession *session, GError *error)
{
  const ImapErrorText *words = imap_error_text (error);
  if (satchel_error_is_of_machine (error) && !imap_session_is_cancelled (session)
      && satchel_error_is_news (error))
    satchel_session_log (session->session, SATCHEL_LOG_ERROR, "APPEND failed: %s", error->message);
  g_error_free (error);
  return imap_incoming_fail (&session->incoming, words->code, words->text);
}

gboolean
imap_incoming_add_size (ImapSession *session, guint64 more)
{
  ImapIncoming *incoming = &session->incoming;
  guint64 limit = imap_append_limit (&session->settings);
  /* A message above the limit is refused before it comes (RFC 4469 4.2, RFC 7889 4). */
  if (more > limit || incoming->size > limit - more)
    return imap_incoming_fail (incoming, "TOOBIG", "Message too large.");
  if (more > session->settings.append_bytes || incoming->total > session->settings.append_bytes - more)
    return imap_incoming_fail (incoming, "LIMIT", "Too much in one command.");
  incoming->size += more;
  incoming->total += more;
  return TRUE;
}

gboolean
imap_incoming_write_buffer (ImapSession *session)
{
  ImapIncoming *incoming = &session->incoming;
  GError *error = NULL;
  if (incoming->text != NULL)
    return FALSE;
  if (incoming->stage == NULL)
    incoming->stage = satchel_stage_new (session->store, incoming->size, &error);
  if (incoming->stage == NULL
      || !satchel_stage_write (incoming->stage, incoming->buffer->data, incoming->buffer->len, &error))
    return imap_incoming_fail_error (session, error);
  g_byte_array_set_size (incoming->buffer, 0);
  return TRUE;
}

gboolean
imap_incoming_write (ImapSession *session, const void *data, gsize len)
{
  GError *error = NULL;
  if ((session->incoming.stage == NULL || session->incoming.buffer->len > 0)
      && !imap_incoming_write_buffer (session))
    return FALSE;
  return satchel_stage_write (session->incoming.stage, data, len, &error)
         || imap_incoming_fail_error (session, error);
}

gboolean
imap_incoming_finish_message (ImapSession *session, const ImapAppendMessage *message)
{
  ImapIncoming *incoming = &session->incoming;
  GError *error = NULL;
  if (incoming->size == 0)
    return imap_incoming_fail (incoming, NULL, "A message cannot be empty."); /* RFC 3502 6.3.11 */
  if (!imap_incoming_write_buffer (session))
    return FALSE;
  if (message->has_date)
    satchel_stage_set_internal_date (incoming->stage, message->date);
  if (!satchel_stage_finish (incoming->stage, &error))
    return imap_incoming_fail_error (session, error);
  g_ptr_array_add (incoming->stages, g_steal_pointer (&incoming->stage));
  incoming->size = 0;
  incoming->at_part = 0;
  return TRUE;
}
