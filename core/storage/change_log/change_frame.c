/* SPDX-License-Identifier: MIT
 * Implements the frames of the change log. A frame is a head (magic, kind, length, checksum, generation,
 * sequence, time), then rows and changes. Numbers are little-endian. The reader checks the checksum and all
 * bounds.
 */
#include "config.h"

#include "core/storage/change_log/change.h"

#include <string.h>

#define MAGIC 0x31474843u /* "CHG1" */
#define CRC_AT 12u
#define TEXT_BYTES 4096u

enum
{
  BIT_CONTINUED = 1,
  BIT_BEFORE = 1,
  BIT_EXISTS = 1,
  BIT_SUBSCRIBED = 2
};

/* Computes CRC-32C. */
static guint32
checksum (guint32 crc, const guint8 *data, gsize len)
{
  static guint32 table[256];
  static gsize is_ready;
  if (g_once_init_enter (&is_ready))
    {
      for (guint32 i = 0; i < 256; i++)
        {
          guint32 c = i;
          for (int k = 0; k < 8; k++)
            c = (c & 1) != 0 ? (c >> 1) ^ 0x82f63b78u : c >> 1;
          table[i] = c;
        }
      g_once_init_leave (&is_ready, 1);
    }
  crc = ~crc;
  for (gsize i = 0; i < len; i++)
    crc = (crc >> 8) ^ table[(crc ^ data[i]) & 0xff];
  return ~crc;
}

guint32
satchel_change_checksum (const void *data, gsize len)
{
  return checksum (0, data, len);
}

static void
put_number (GByteArray *out, guint64 value, guint n_bytes)
{
  guint8 bytes[8];
  for (guint i = 0; i < n_bytes; i++)
    bytes[i] = (guint8) (value >> 8 * i);
  g_byte_array_append (out, bytes, n_bytes);
}

static void
put_text (GByteArray *out, const char *text)
{
  gsize len = text != NULL ? MIN (strlen (text), TEXT_BYTES) : 0;
  put_number (out, len, 2);
  g_byte_array_append (out, (const guint8 *) text, (guint) len);
}

static void
put_texts (GByteArray *out, const char *const *texts, guint n)
{
  put_number (out, n, 2);
  for (guint i = 0; i < n; i++)
    put_text (out, texts[i]);
}

static void
put_mailbox (GByteArray *out, const SatchelChangedMailbox *mailbox)
{
  put_text (out, mailbox->name);
  g_byte_array_append (out, mailbox->id, sizeof mailbox->id);
  put_number (out, mailbox->uidvalidity, 4);
  put_number (out, mailbox->special_use, 4);
}

static void
put_row (GByteArray *out, const SatchelChangeRow *row)
{
  put_text (out, row->name);
  g_byte_array_append (out, row->id, sizeof row->id);
  put_number (out, row->uidvalidity, 4);
  put_number (out, row->uidnext, 4);
  put_number (out, row->modseq, 8);
  put_number (out, row->special_use, 4);
  put_number (out, (row->exists ? BIT_EXISTS : 0u) | (row->is_subscribed ? BIT_SUBSCRIBED : 0u), 1);
}

/* Writes keywords.  Each name is written once in a change; messages have its number. */
static void
put_keywords (GByteArray *out, const char *const *keywords, GPtrArray *table)
{
  guint n = 0;
  while (keywords[n] != NULL)
    n++;
  put_number (out, n, 2);
  for (guint i = 0; i < n; i++)
    {
      guint index;
      if (!g_ptr_array_find (table, keywords[i], &index))
        {
          index = table->len;
          g_ptr_array_add (table, (gpointer) keywords[i]);
        }
      put_number (out, index, 2);
    }
}

static void
put_messages (GByteArray *out, const SatchelChangeNote *note)
{
  g_autoptr (GPtrArray) table = g_ptr_array_new ();
  g_autoptr (GByteArray) messages = g_byte_array_new ();
  for (guint i = 0; i < note->messages->len; i++)
    {
      const SatchelChangedMessage *message = &g_array_index (note->messages, SatchelChangedMessage, i);
      put_number (messages, message->uid, 4);
      put_number (messages, message->new_uid, 4);
      put_number (messages, message->flags_before, 4);
      put_number (messages, message->flags, 4);
      put_number (messages, i < note->marks->len ? g_array_index (note->marks, guint32, i) : 0, 4);
      put_number (messages, message->has_before ? BIT_BEFORE : 0, 1);
      put_keywords (messages, message->keywords_before, table);
      put_keywords (messages, message->keywords, table);
    }
  put_texts (out, (const char *const *) table->pdata, table->len);
  put_number (out, note->messages->len, 4);
  g_byte_array_append (out, messages->data, messages->len);
}

static void
put_note (GByteArray *out, const SatchelChangeNote *note)
{
  const SatchelChange *change = &note->change;
  const SatchelAccess *access = change->access;
  guint n = 0;
  put_number (out, change->kind, 1);
  put_number (out, change->is_continued ? BIT_CONTINUED : 0, 1);
  put_number (out, change->modseq, 8);
  put_number (out, (guint64) change->time, 8);
  put_mailbox (out, &change->mailbox);
  put_mailbox (out, &change->destination);
  put_number (out, access->cause, 1);
  put_text (out, access->user);
  put_text (out, access->service);
  put_text (out, access->session_id);
  put_text (out, access->peer);
  put_text (out, access->client_name);
  put_number (out, note->mode, 4);
  put_number (out, note->flags, 4);
  while (note->keywords[n] != NULL)
    n++;
  put_texts (out, note->keywords, n);
  put_messages (out, note);
}

static void
set_number (GByteArray *out, guint at, guint64 value, guint n_bytes)
{
  for (guint i = 0; i < n_bytes; i++)
    out->data[at + i] = (guint8) (value >> 8 * i);
}

GBytes *
satchel_frame_write (const SatchelFrame *frame, const SatchelChangeSet *set, const GPtrArray *rows)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  put_number (out, MAGIC, 4);
  put_number (out, frame->kind, 4);
  put_number (out, 0, 4); /* room for the length */
  put_number (out, 0, 4); /* room for the checksum */
  put_number (out, frame->generation, 8);
  put_number (out, frame->sequence, 8);
  put_number (out, (guint64) frame->time, 8);
  put_number (out, rows != NULL ? rows->len : 0, 4);
  for (guint i = 0; rows != NULL && i < rows->len; i++)
    put_row (out, rows->pdata[i]);
  put_number (out, set != NULL ? set->notes->len : 0, 4);
  for (guint i = 0; set != NULL && i < set->notes->len; i++)
    {
      put_note (out, set->notes->pdata[i]);
      if (out->len > SATCHEL_CHANGE_FRAME_BYTES && frame->kind != SATCHEL_FRAME_CHECKPOINT)
        return NULL;
    }
  set_number (out, 8, out->len, 4);
  set_number (out, CRC_AT, checksum (0, out->data, out->len), 4);
  return g_byte_array_free_to_bytes (g_steal_pointer (&out));
}

typedef struct Reader
{
  const guint8 *at, *end;
  gboolean is_bad;
} Reader;

static const guint8 *
take_bytes (Reader *reader, gsize n)
{
  if ((gsize) (reader->end - reader->at) < n)
    {
      reader->is_bad = TRUE;
      return NULL;
    }
  reader->at += n;
  return reader->at - n;
}

static guint64
take_number (Reader *reader, guint n_bytes)
{
  const guint8 *bytes = take_bytes (reader, n_bytes);
  guint64 value = 0;
  for (guint i = 0; bytes != NULL && i < n_bytes; i++)
    value |= (guint64) bytes[i] << 8 * i;
  return value;
}

/* Takes a text, which is the caller's. */
static char *
take_text (Reader *reader)
{
  gsize len = (gsize) take_number (reader, 2);
  const guint8 *bytes = take_bytes (reader, len);
  return bytes != NULL ? g_strndup ((const char *) bytes, len) : g_strdup ("");
}

static const char *
take_text_into (Reader *reader, SatchelChangeSet *set)
{
  g_autofree char *text = take_text (reader);
  return satchel_change_set_text (set, text);
}

/* Takes a count of things, each of which has at least @least bytes. */
static guint
take_count (Reader *reader, guint n_bytes, gsize least)
{
  guint64 n = take_number (reader, n_bytes);
  if (n > (gsize) (reader->end - reader->at) / least)
    reader->is_bad = TRUE;
  return reader->is_bad ? 0 : (guint) n;
}

static GPtrArray *
take_texts (Reader *reader, SatchelChangeSet *set)
{
  GPtrArray *texts = g_ptr_array_new ();
  guint n = take_count (reader, 2, 2);
  for (guint i = 0; i < n && !reader->is_bad; i++)
    g_ptr_array_add (texts, (gpointer) take_text_into (reader, set));
  return texts;
}

static void
take_id (Reader *reader, guint8 id[16])
{
  const guint8 *bytes = take_bytes (reader, 16);
  if (bytes != NULL)
    memcpy (id, bytes, 16);
}

static void
take_mailbox (Reader *reader, SatchelChangeSet *set, SatchelChangedMailbox *mailbox)
{
  mailbox->name = take_text_into (reader, set);
  take_id (reader, mailbox->id);
  mailbox->uidvalidity = (guint32) take_number (reader, 4);
  mailbox->special_use = (guint) take_number (reader, 4);
}

static SatchelChangeRow *
take_row (Reader *reader)
{
  g_autofree char *name = take_text (reader);
  SatchelChangeRow *row = satchel_change_row_new (name);
  take_id (reader, row->id);
  row->uidvalidity = (guint32) take_number (reader, 4);
  row->uidnext = (guint32) take_number (reader, 4);
  row->modseq = take_number (reader, 8);
  row->special_use = (guint) take_number (reader, 4);
  guint64 bits = take_number (reader, 1);
  row->exists = (bits & BIT_EXISTS) != 0;
  row->is_subscribed = (bits & BIT_SUBSCRIBED) != 0;
  return row;
}

static const char *const *
take_keywords (Reader *reader, SatchelChangeSet *set, const GPtrArray *table)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  guint n = take_count (reader, 2, 2);
  for (guint i = 0; i < n; i++)
    {
      guint64 index = take_number (reader, 2);
      if (index < table->len)
        g_ptr_array_add (names, table->pdata[index]);
      else
        reader->is_bad = TRUE;
    }
  return satchel_change_set_keywords (set, (const char *const *) names->pdata, names->len);
}

static void
take_messages (Reader *reader, SatchelChangeSet *set, SatchelChangeNote *note)
{
  g_autoptr (GPtrArray) table = take_texts (reader, set);
  guint n = take_count (reader, 4, 25);
  for (guint i = 0; i < n && !reader->is_bad; i++)
    {
      SatchelChangedMessage message = { .uid = (guint32) take_number (reader, 4) };
      message.new_uid = (guint32) take_number (reader, 4);
      message.flags_before = (guint32) take_number (reader, 4);
      message.flags = (guint32) take_number (reader, 4);
      guint32 mark = (guint32) take_number (reader, 4);
      message.has_before = (take_number (reader, 1) & BIT_BEFORE) != 0;
      message.keywords_before = take_keywords (reader, set, table);
      message.keywords = take_keywords (reader, set, table);
      g_array_append_val (note->messages, message);
      g_array_append_val (note->marks, mark);
    }
}

static void
take_note (Reader *reader, const char *owner, SatchelChangeSet *set)
{
  SatchelChange change = { .size = sizeof (SatchelChange),
                           .kind = (SatchelChangeKind) take_number (reader, 1) };
  change.is_continued = (take_number (reader, 1) & BIT_CONTINUED) != 0;
  change.modseq = take_number (reader, 8);
  change.time = (gint64) take_number (reader, 8);
  take_mailbox (reader, set, &change.mailbox);
  take_mailbox (reader, set, &change.destination);
  SatchelAccess from = { .size = sizeof from,
                         .owner = owner,
                         .cause = (SatchelCause) take_number (reader, 1),
                         .rights = SATCHEL_RIGHTS_ALL };
  from.user = take_text_into (reader, set);
  from.service = take_text_into (reader, set);
  from.session_id = take_text_into (reader, set);
  from.peer = take_text_into (reader, set);
  from.client_name = take_text_into (reader, set);
  g_autoptr (SatchelAccess) access = satchel_access_new (&from);
  SatchelChangeNote *note = satchel_change_set_add (set, change.kind, access);
  change.access = note->change.access;
  note->change = change;
  note->mode = (guint32) take_number (reader, 4);
  note->flags = (guint32) take_number (reader, 4);
  g_autoptr (GPtrArray) keywords = take_texts (reader, set);
  note->keywords = satchel_change_set_keywords (set, (const char *const *) keywords->pdata, keywords->len);
  take_messages (reader, set, note);
  satchel_change_note_end (note);
}

SatchelFrameState
satchel_frame_check (const guint8 *data, gsize len, SatchelFrame *ret_frame)
{
  static const guint8 zero[4] = { 0 };
  Reader reader = { data, data + len, FALSE };
  *ret_frame = (SatchelFrame) { 0 };
  if (len < SATCHEL_CHANGE_HEAD_BYTES)
    return SATCHEL_FRAME_SHORT;
  guint64 magic = take_number (&reader, 4);
  ret_frame->kind = (SatchelFrameKind) take_number (&reader, 4);
  gsize size = (gsize) take_number (&reader, 4);
  guint32 crc = (guint32) take_number (&reader, 4);
  ret_frame->generation = take_number (&reader, 8);
  ret_frame->sequence = take_number (&reader, 8);
  ret_frame->time = (gint64) take_number (&reader, 8);
  if (magic != MAGIC || size < SATCHEL_CHANGE_HEAD_BYTES || ret_frame->kind < SATCHEL_FRAME_CHECKPOINT
      || ret_frame->kind > SATCHEL_FRAME_CHANGES)
    return SATCHEL_FRAME_BAD;
  ret_frame->len = size;
  if (size > len)
    return SATCHEL_FRAME_SHORT;
  guint32 sum = checksum (checksum (0, data, CRC_AT), zero, sizeof zero);
  return checksum (sum, data + CRC_AT + 4, size - CRC_AT - 4) == crc ? SATCHEL_FRAME_OK : SATCHEL_FRAME_BAD;
}

gboolean
satchel_frame_read (const guint8 *data, const SatchelFrame *frame, const char *owner, SatchelChangeSet *set,
                    GPtrArray *rows)
{
  Reader reader = { data + SATCHEL_CHANGE_HEAD_BYTES, data + frame->len, FALSE };
  guint n_rows = take_count (&reader, 4, 39);
  for (guint i = 0; i < n_rows && !reader.is_bad; i++)
    {
      SatchelChangeRow *row = take_row (&reader);
      if (rows != NULL)
        g_ptr_array_add (rows, row);
      else
        satchel_change_row_free (row);
    }
  guint n = set != NULL ? take_count (&reader, 4, 80) : 0;
  for (guint i = 0; i < n && !reader.is_bad; i++)
    {
      guint first = set->notes->len;
      take_note (&reader, owner, set);
      ((SatchelChangeNote *) set->notes->pdata[first])->change.sequence = frame->sequence + i;
    }
  return !reader.is_bad;
}
