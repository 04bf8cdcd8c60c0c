/* SPDX-License-Identifier: MIT
 * Implements MAILBOXID, EMAILID and THREADID (RFC 8474 4, 5.1, 5.2). A THREADID follows from the message
 * alone, so that it never changes and is the same in every mailbox: see docs/decisions/0007.
 */
#include "messages/objectid.h"

#include <satchel/attributes.h>
#include <satchel/header.h>
#include <string.h>

#define ID_BYTES 16u

static void
format_id (char letter, const guint8 id[ID_BYTES], char ret_id[IMAP_OBJECTID_SIZE])
{
  static const char digits[] = "0123456789abcdef";
  ret_id[0] = letter;
  for (guint i = 0; i < ID_BYTES; i++)
    {
      ret_id[1 + 2 * i] = digits[id[i] >> 4];
      ret_id[2 + 2 * i] = digits[id[i] & 15];
    }
  ret_id[1 + 2 * ID_BYTES] = '\0';
}

void
imap_mailbox_id (const guint8 id[ID_BYTES], char ret_id[IMAP_OBJECTID_SIZE])
{
  format_id ('F', id, ret_id);
}

gboolean
imap_email_id (SatchelMailbox *mailbox, guint32 uid, char ret_id[IMAP_OBJECTID_SIZE], GError **error)
{
  guint8 id[ID_BYTES];
  if (!satchel_mailbox_email_id (mailbox, uid, id, error))
    return FALSE;
  format_id ('M', id, ret_id);
  return TRUE;
}

/* Returns the first message id in a header field; NULL means that there is none. */
static char *
first_id (GBytes *attributes, const char *name)
{
  const char *value;
  gsize len;
  if (satchel_attributes_header (attributes, name, &value, &len) != SATCHEL_HEADER_PRESENT)
    return NULL;
  g_autoptr (GPtrArray) ids = satchel_message_ids_parse (value, len, G_MAXUINT);
  return ids->len > 0 ? g_strdup (g_ptr_array_index (ids, 0)) : NULL;
}

gboolean
imap_thread_id (SatchelMailbox *mailbox, guint32 uid, GBytes *attributes, char ret_id[IMAP_OBJECTID_SIZE],
                GError **error)
{
  static const char *const fields[] = { "References", "In-Reply-To", "Message-ID" };
  g_autofree char *root = NULL;
  guint8 id[32];
  gsize len = sizeof id;
  for (guint i = 0; i < G_N_ELEMENTS (fields) && root == NULL; i++)
    root = first_id (attributes, fields[i]);
  if (root == NULL)
    {
      if (!satchel_mailbox_email_id (mailbox, uid, id, error))
        return FALSE;
      format_id ('T', id, ret_id);
      return TRUE;
    }
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  g_checksum_update (sum, (const guchar *) root, -1);
  g_checksum_get_digest (sum, id, &len);
  format_id ('T', id, ret_id);
  return TRUE;
}
