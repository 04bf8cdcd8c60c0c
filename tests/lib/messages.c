/* SPDX-License-Identifier: MIT
 * messages.h
 */
#include "config.h"

#include "tests/lib/messages.h"

guint32
append_text (SatchelMailbox *mailbox, const char *text, guint32 flags, const char *const *keywords,
             GError **error)
{
  return append_with_metadata (mailbox, text, flags, keywords, NULL, NULL, error);
}

guint32
append_with_metadata (SatchelMailbox *mailbox, const char *text, guint32 flags, const char *const *keywords,
                      const char *key, const char *value, GError **error)
{
  SatchelStore *store = satchel_mailbox_store (mailbox);
  SatchelStage *stage = satchel_stage_new (store, strlen (text), error);
  if (stage == NULL)
    return 0;
  if (!satchel_stage_write (stage, text, strlen (text), error) || !satchel_stage_finish (stage, error))
    {
      satchel_stage_free (stage);
      return 0;
    }
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  SatchelOperation *op =
      satchel_transaction_append (transaction, mailbox, stage, flags, keywords, 1500000000);
  g_autoptr (GBytes) bytes = key != NULL ? g_bytes_new (value, strlen (value)) : NULL;
  if (key != NULL)
    satchel_operation_set_metadata (op, key, bytes);
  if (!satchel_transaction_commit (transaction, error))
    return 0;
  return g_array_index (op->ret_uids, guint32, 0);
}

char *
message_text (SatchelMailbox *mailbox, guint32 uid)
{
  g_autoptr (SatchelStream) stream = satchel_mailbox_open_message (mailbox, uid, NULL);
  if (stream == NULL)
    return NULL;
  gint64 length = satchel_stream_length (stream, NULL);
  g_assert_cmpint (length, >=, 0);
  char *text = g_malloc0 ((gsize) length + 1);
  g_assert_cmpint (satchel_stream_read_at (stream, 0, text, (gsize) length, NULL), ==, length);
  return text;
}

gboolean
change_flags (SatchelMailbox *mailbox, guint32 first, guint32 last, SatchelFlagsMode mode, guint32 flags,
              const char *const *keywords, GError **error)
{
  g_auto (SatchelUidSet) uids = { 0 };
  satchel_uid_set_add (&uids, first, last);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (satchel_mailbox_store (mailbox));
  satchel_transaction_flags (transaction, mailbox, &uids, mode, flags, keywords, G_MAXUINT64);
  return satchel_transaction_commit (transaction, error);
}

gboolean
expunge (SatchelMailbox *mailbox, guint32 first, guint32 last, GError **error)
{
  g_auto (SatchelUidSet) uids = { 0 };
  satchel_uid_set_add (&uids, first, last);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (satchel_mailbox_store (mailbox));
  satchel_transaction_expunge (transaction, mailbox, &uids, FALSE);
  return satchel_transaction_commit (transaction, error);
}

gboolean
transfer (SatchelMailbox *from, guint32 first, guint32 last, SatchelMailbox *to, gboolean move,
          GError **error)
{
  g_auto (SatchelUidSet) uids = { 0 };
  satchel_uid_set_add (&uids, first, last);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (satchel_mailbox_store (from));
  if (move)
    satchel_transaction_move (transaction, from, &uids, to);
  else
    satchel_transaction_copy (transaction, from, &uids, to);
  return satchel_transaction_commit (transaction, error);
}

char *
describe (SatchelMailbox *mailbox)
{
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  GString *out = g_string_new (NULL);
  for (guint32 i = 0; i < snapshot->state.n_messages; i++)
    {
      guint row;
      const SatchelChunk *chunk = satchel_snapshot_at (snapshot, i, &row);
      g_string_append_printf (out, "%s%u:%x", i > 0 ? " " : "", chunk->uid[row], chunk->flags[row]);
    }
  return g_string_free (out, FALSE);
}
