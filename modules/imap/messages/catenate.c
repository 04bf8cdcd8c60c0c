/* SPDX-License-Identifier: MIT
 * Implements CATENATE (RFC 4469): what URLs name, copied into the message under way. In jobs. Entry:
 * imap_catenate.
 */
#include "imap_session.h"
#include "grammar/url.h"

#include <satchel/attributes.h>

#define COPY_BYTES 65536u
#define TOLD_BYTES 500u /* bytes of a refused URL that the answer quotes */

/* Answers "BADURL" with as much of the URL as resp-text allows (RFC 4469 4.1); trouble of the server is
 * answered as such.  Takes @error over, which may be NULL. */
static gboolean
bad_url (ImapSession *session, const char *url, GError *error)
{
  if (error != NULL && satchel_error_is_of_machine (error))
    return imap_incoming_fail_error (session, error);
  g_clear_error (&error);
  ImapWriter writer = { .room = 1 };
  imap_write (&writer, "BADURL \"");
  imap_write_safe_text (&writer, url, TOLD_BYTES);
  imap_write (&writer, "\"");
  imap_write_raw (&writer, "", 1);
  imap_incoming_fail (&session->incoming, writer.data, "A part cannot be read.");
  imap_writer_clear (&writer);
  return FALSE;
}

/* Returns a reference of the caller's, or NULL. */
static SatchelMailbox *
open_mailbox (ImapSession *session, const ImapUrl *url, GError **error)
{
  g_autoptr (SatchelMailbox) mailbox = NULL;
  if (url->mailbox != NULL)
    {
      g_autofree char *name =
          satchel_namespace_to_internal (&session->ns, url->mailbox, strlen (url->mailbox), error);
      mailbox = name != NULL ? satchel_store_open_mailbox (session->store, name, error) : NULL;
    }
  else if (session->view != NULL)
    mailbox = satchel_mailbox_ref (session->view->mailbox);
  if (mailbox == NULL || url->uidvalidity == 0)
    return g_steal_pointer (&mailbox);
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  return snapshot->state.uidvalidity == url->uidvalidity ? g_steal_pointer (&mailbox) : NULL;
}

/* Finds the section of a URL in the content. FALSE means that there is none. */
static gboolean
find_section (SatchelMailbox *mailbox, const ImapUrl *url, SatchelStream *content, guint64 *ret_offset,
              guint64 *ret_len, GError **error)
{
  guint64 offset = 0, len;
  if (*url->section == '\0')
    {
      gint64 measured = satchel_stream_length (content, error);
      if (measured < 0)
        return FALSE;
      len = (guint64) measured;
    }
  else
    {
      GBytes *found = NULL;
      if (!satchel_mailbox_attributes (mailbox, &url->uid, 1, &found, NULL, error) || found == NULL)
        return FALSE;
      g_autoptr (GBytes) attributes = found;
      if (!satchel_attributes_find_section (attributes, url->section, &offset, &len))
        return FALSE;
    }
  guint64 skipped = MIN (url->offset, len);
  *ret_offset = offset + skipped;
  *ret_len = MIN (url->count, len - skipped);
  return TRUE;
}

static gboolean
copy (ImapSession *session, SatchelStream *content, guint64 offset, guint64 len)
{
  g_autofree guint8 *block = g_malloc (COPY_BYTES);
  while (len > 0)
    {
      GError *error = NULL;
      gssize n = satchel_stream_read_at (content, offset, block, (gsize) MIN (len, COPY_BYTES), &error);
      if (n == 0)
        satchel_error_set (&error, SATCHEL_ERROR_CORRUPT, "a message is shorter than its size says");
      if (n <= 0)
        return imap_incoming_fail_error (session, error);
      if (imap_session_is_cancelled (session))
        return imap_incoming_fail (&session->incoming, NULL, "Interrupted.");
      if (!imap_incoming_write (session, block, (gsize) n))
        return FALSE;
      offset += (guint64) n;
      len -= (guint64) n;
    }
  return TRUE;
}

gboolean
imap_catenate (ImapSession *session, const char *text)
{
  g_auto (ImapUrl) url = { 0 };
  GError *error = NULL;
  if (!imap_url_parse (text, &url))
    return bad_url (session, text, NULL);
  g_autoptr (SatchelMailbox) mailbox = open_mailbox (session, &url, &error);
  g_autoptr (SatchelStream) content =
      mailbox != NULL ? satchel_mailbox_open_message (mailbox, url.uid, &error) : NULL;
  guint64 offset, len;
  if (content == NULL || !find_section (mailbox, &url, content, &offset, &len, &error))
    return bad_url (session, text, error);
  return imap_incoming_add_size (session, len) && copy (session, content, offset, len);
}
