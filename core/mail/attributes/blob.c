/* SPDX-License-Identifier: MIT
 * Keeps what the writer and the reader of a blob share: the checksum, and the numbers of header fields.
 */
#include "config.h"

#include "core/mail/attributes/blob.h"

/* Takes eight bytes a step.  Every step is a bijection of the state, so that a change of one word always
 * changes the checksum. */
guint64
satchel_blob_checksum (const guint8 *data, gsize len)
{
  guint64 hash = 0x9e3779b97f4a7c15u ^ len;
  /* Four sums run side by side, since one would wait for each multiplication. */
  if (len >= 32)
    {
      guint64 lanes[4] = { hash, hash ^ 1, hash ^ 2, hash ^ 3 };
      for (; len >= 32; data += 32, len -= 32)
        for (guint i = 0; i < 4; i++)
          {
            lanes[i] = (lanes[i] ^ blob_u64 (data + 8 * i)) * 0xff51afd7ed558ccdu;
            lanes[i] ^= lanes[i] >> 32;
          }
      for (guint i = 0; i < 4; i++)
        hash = (hash ^ lanes[i]) * 0x9fb21c651e98df25u ^ hash >> 28;
    }
  for (; len >= 8; data += 8, len -= 8)
    {
      hash = (hash ^ blob_u64 (data)) * 0xff51afd7ed558ccdu;
      hash ^= hash >> 32;
    }
  guint8 rest[8] = { 0 };
  memcpy (rest, data, len);
  hash = (hash ^ blob_u64 (rest)) * 0xc4ceb9fe1a85ec53u;
  return hash ^ hash >> 29;
}

static const char *const names[N_HEADERS] = {
  "date",
  "subject",
  "from",
  "sender",
  "reply-to",
  "to",
  "cc",
  "bcc",
  "message-id",
  "in-reply-to",
  "references",
  "content-type",
  "content-transfer-encoding",
  "mime-version",
  "list-id",
  "list-post",
  "list-unsubscribe",
  "priority",
  "x-priority",
  "importance",
  "x-msmail-priority",
  "x-mailer",
  "user-agent",
  "newsgroups",
  "followup-to",
  "delivered-to",
  "x-label",
  "x-spam-flag",
  "x-spam-status",
  "disposition-notification-to",
  "organization",
  "thread-topic",
  "thread-index",
  "status",
  "x-status",
  "x-spam-score",
  "content-description",
  "lines",
  "list-subscribe",
  "x-original-to",
  "x-comment-to",
  "mail-followup-to",
  "mail-reply-to",
  "return-path",
  "x-k9mail-identity",
  "x-uniform-type-identifier",
  "x-universally-unique-identifier",
  "content-id",
  "content-md5",
  "content-disposition",
  "content-language",
  "content-location",
};

#define TABLE_SIZE 256u

static guint
slot_of (const char *name, gsize len)
{
  return (guint) (len * 37 + (guchar) g_ascii_tolower (name[0]) * 11
                  + (guchar) g_ascii_tolower (name[len - 1]) * 3 + (guchar) g_ascii_tolower (name[len / 2]))
         % TABLE_SIZE;
}

int
satchel_header_number (const char *name, gsize len)
{
  static gint8 table[TABLE_SIZE]; /* number of the field + 1; 0: the slot is free */
  static gsize is_ready;
  if (g_once_init_enter (&is_ready))
    {
      for (int i = 0; i < N_HEADERS; i++)
        {
          guint slot = slot_of (names[i], strlen (names[i]));
          while (table[slot] != 0)
            slot = (slot + 1) % TABLE_SIZE;
          table[slot] = (gint8) (i + 1);
        }
      g_once_init_leave (&is_ready, 1);
    }
  if (len == 0 || len > 32)
    return -1;
  for (guint slot = slot_of (name, len); table[slot] != 0; slot = (slot + 1) % TABLE_SIZE)
    {
      const char *known = names[table[slot] - 1];
      if (strlen (known) == len && g_ascii_strncasecmp (known, name, len) == 0)
        return table[slot] - 1;
    }
  return -1;
}
