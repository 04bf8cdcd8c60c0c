/* SPDX-License-Identifier: MIT
 * This file gives the keys by which SORT, THREAD and SEARCH compare messages (keys.h): those that are kept
 * with the mailbox, or new ones, made from attributes.
 */
#include "config.h"

#include "core/mail/attributes/blob_read.h"
#include "core/storage/mailbox/key_cache.h"

/* Makes the keys of @n messages, at most SATCHEL_KEYS_BATCH.  Messages that are gone are taken out of
 * @missing, and so are those that cannot be read, if others can. */
static gboolean
make_keys (SatchelMailbox *mailbox, SatchelKeyKind kind, SatchelMissingKey *missing, guint *n,
           GByteArray *made, SatchelErrorCode *ret_codes, GError **error)
{
  guint32 uids[SATCHEL_KEYS_BATCH];
  GBytes *attributes[SATCHEL_KEYS_BATCH];
  SatchelErrorCode codes[SATCHEL_KEYS_BATCH];
  guint n_left = 0;
  for (guint i = 0; i < *n; i++)
    uids[i] = missing[i].uid;
  g_autoptr (GError) unread = NULL;
  satchel_mailbox_attributes (mailbox, uids, *n, attributes, codes, &unread);
  for (guint i = 0; ret_codes != NULL && i < *n; i++)
    ret_codes[missing[i].index] = codes[i];
  g_byte_array_set_size (made, 0);
  for (guint i = 0; i < *n; i++)
    if (attributes[i] != NULL)
      {
        SatchelMissingKey *left = &missing[n_left++];
        *left = (SatchelMissingKey) { missing[i].index, missing[i].uid, made->len, 0 };
        satchel_key_append (attributes[i], kind, made);
        left->len = made->len - left->offset;
        g_bytes_unref (attributes[i]);
      }
  *n = n_left;
  /* That an access may not read a message is no failure of the store. */
  if (n_left > 0 || unread == NULL || g_error_matches (unread, SATCHEL_ERROR, SATCHEL_ERROR_LOCKED)
      || g_error_matches (unread, SATCHEL_ERROR, SATCHEL_ERROR_NOPERM))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&unread));
  return FALSE;
}

gboolean
satchel_mailbox_keys (SatchelMailbox *mailbox, SatchelKeyKind kind, const guint32 *uids, guint n,
                      SatchelKeyFunc func, gpointer data, SatchelErrorCode *ret_codes, GError **error)
{
  SatchelKeyCache *cache = satchel_key_cache_of (mailbox);
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  guint32 n_messages = snapshot->state.n_messages;
  /* It is not NULL, even if all keys are empty. */
  g_autoptr (GByteArray) made = g_byte_array_sized_new (SATCHEL_KEYS_BATCH);
  gboolean may_read = satchel_rights_check_mailbox (mailbox, SATCHEL_ACT_READ, NULL);
  for (guint i = 0; ret_codes != NULL && i < n; i++)
    ret_codes[i] = may_read ? 0 : SATCHEL_ERROR_NOPERM;
  if (!may_read)
    return TRUE;
  g_autoptr (GArray) missing = satchel_key_cache_read (cache, kind, n_messages, uids, n, func, data);
  for (guint at = 0; at < missing->len; at += SATCHEL_KEYS_BATCH)
    {
      SatchelMissingKey *batch = &g_array_index (missing, SatchelMissingKey, at);
      guint n_batch = MIN (SATCHEL_KEYS_BATCH, missing->len - at);
      if (!make_keys (mailbox, kind, batch, &n_batch, made, ret_codes, error))
        return FALSE;
      for (guint i = 0; func != NULL && i < n_batch; i++)
        func (batch[i].index, made->data + batch[i].offset, batch[i].len, data);
      satchel_key_cache_keep (cache, kind, n_messages, batch, n_batch, made);
    }
  if (missing->len > 0)
    satchel_key_cache_trim ();
  return TRUE;
}

gboolean
satchel_mailbox_peek_key (SatchelMailbox *mailbox, SatchelKeyKind kind, guint32 uid, SatchelKeyFunc func,
                          gpointer data)
{
  return satchel_rights_check_mailbox (mailbox, SATCHEL_ACT_READ, NULL)
         && satchel_key_cache_peek (satchel_key_cache_of (mailbox), kind, uid, func, data);
}
