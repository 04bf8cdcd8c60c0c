/* SPDX-License-Identifier: MIT
 * Writes the items of a FETCH response (RFC 3501 7.4.2): what a row of a snapshot has, and what attributes
 * hold ready to send.  Pure but for the session's writer.
 */
#include "messages/fetch.h"

/* Finds the columns of the message at hand in the newest snapshot. */
static const SatchelChunk *
find_row (const ImapSession *session, const ImapFetch *fetch, const SatchelSnapshot **ret_snapshot,
          guint *ret_row)
{
  guint32 index;
  const SatchelChunk *chunk = satchel_snapshot_at (session->view->snapshot, fetch->at - 1, ret_row);
  *ret_snapshot = session->view->snapshot;
  if (fetch->fresh != NULL && satchel_snapshot_find (fetch->fresh, chunk->uid[*ret_row], &index))
    {
      *ret_snapshot = fetch->fresh;
      return satchel_snapshot_at (fetch->fresh, index, ret_row);
    }
  return chunk;
}

guint64
imap_fetch_row_size (const ImapSession *session, const ImapFetch *fetch)
{
  const SatchelSnapshot *snapshot;
  guint row;
  const SatchelChunk *chunk = find_row (session, fetch, &snapshot, &row);
  return chunk->size[row];
}

gboolean
imap_fetch_has_date (const ImapSession *session, const ImapFetch *fetch)
{
  const SatchelSnapshot *snapshot;
  guint row;
  const SatchelChunk *chunk = find_row (session, fetch, &snapshot, &row);
  return chunk->internal_date[row] != SATCHEL_DATE_UNKNOWN;
}

/* Begins an item after the others: "FLAGS ". */
static void
write_item_start (ImapWriter *writer, const char **separator, const char *name)
{
  imap_write (writer, *separator);
  imap_write (writer, name);
  *separator = " ";
}

static void
write_attribute (ImapWriter *writer, const char **separator, const char *name, const char *text, gsize len)
{
  write_item_start (writer, separator, name);
  imap_write_raw (writer, text, len);
}

/* Writes the items that attributes hold ready to send. */
static void
write_attributes (ImapWriter *writer, const char **separator, guint items, GBytes *attributes)
{
  gsize len;
  const char *text;
  if (items & IMAP_FETCH_ENVELOPE)
    {
      text = satchel_attributes_envelope (attributes, &len);
      write_attribute (writer, separator, "ENVELOPE ", text, len);
    }
  if (items & IMAP_FETCH_BODY)
    {
      text = satchel_attributes_body_structure (attributes, FALSE, &len);
      write_attribute (writer, separator, "BODY ", text, len);
    }
  if (items & IMAP_FETCH_BODYSTRUCTURE)
    {
      text = satchel_attributes_body_structure (attributes, TRUE, &len);
      write_attribute (writer, separator, "BODYSTRUCTURE ", text, len);
    }
  if (items & IMAP_FETCH_PREVIEW)
    {
      text = satchel_attributes_preview (attributes, &len);
      write_item_start (writer, separator, "PREVIEW ");
      imap_write_string (writer, text, len);
    }
}

static void
write_object_id (ImapWriter *writer, const char **separator, const char *name, const char *id)
{
  write_item_start (writer, separator, name);
  imap_write (writer, "(");
  imap_write (writer, id);
  imap_write (writer, ")");
}

static void
write_internal_date (ImapWriter *writer, const char **separator, gint64 date)
{
  write_item_start (writer, separator, "INTERNALDATE ");
  imap_write_date_time (writer, date);
}

/* Writes SAVEDATE, which is NIL if the store does not know it (RFC 8514 4.2). */
static void
write_save_date (ImapWriter *writer, const char **separator, gint64 date)
{
  write_item_start (writer, separator, "SAVEDATE ");
  if (date == 0)
    imap_write_nstring (writer, NULL);
  else
    imap_write_date_time (writer, date);
}

static void
write_modseq (ImapWriter *writer, const char **separator, guint64 modseq)
{
  write_item_start (writer, separator, "MODSEQ (");
  imap_write_number (writer, modseq);
  imap_write (writer, ")");
}

static void
write_number (ImapWriter *writer, const char **separator, const char *name, guint64 number)
{
  write_item_start (writer, separator, name);
  imap_write_number (writer, number);
}

void
imap_fetch_write_items (ImapSession *session, ImapFetch *fetch, guint items, GBytes *attributes, guint64 size)
{
  ImapWriter *writer = &session->writer;
  const char *separator = "";
  const SatchelSnapshot *snapshot;
  guint row;
  const SatchelChunk *chunk = find_row (session, fetch, &snapshot, &row);
  imap_write_fetch_start (writer, fetch->at);
  if (items & IMAP_FETCH_UID)
    write_number (writer, &separator, "UID ", chunk->uid[row]);
  if (items & IMAP_FETCH_FLAGS)
    {
      write_item_start (writer, &separator, "FLAGS ");
      imap_view_write_flags (session->view, writer, &fetch->memo, snapshot, chunk, row);
    }
  if (items & IMAP_FETCH_MODSEQ)
    write_modseq (writer, &separator, chunk->modseq[row]);
  if (items & IMAP_FETCH_INTERNALDATE)
    write_internal_date (writer, &separator, chunk->internal_date[row]);
  if (items & IMAP_FETCH_SAVEDATE)
    write_save_date (writer, &separator, chunk->save_date[row]);
  if (items & IMAP_FETCH_EMAILID)
    write_object_id (writer, &separator, "EMAILID ", fetch->email_id);
  if (items & IMAP_FETCH_THREADID)
    write_object_id (writer, &separator, "THREADID ", fetch->thread_id);
  if (items & IMAP_FETCH_SIZE)
    write_number (writer, &separator, "RFC822.SIZE ", size);
  if (attributes != NULL)
    write_attributes (writer, &separator, items, attributes);
}
