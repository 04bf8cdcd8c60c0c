/* SPDX-License-Identifier: MIT
 * Looks at stored messages one by one.
 */
#include "verify.h"
#include "attributes.h"
#include "reader.h"

#include <sodium.h>
#include <string.h>

#define BLOCK_BYTES CRYPT_CHUNK_BYTES

/* What is stored of a message. */
typedef struct Stored
{
  SatchelStream *content;
  GBytes *attributes; /* or NULL */
  CryptHeader header;
  gboolean is_sealed;
} Stored;

static void
stored_clear (Stored *stored)
{
  g_clear_pointer (&stored->content, satchel_stream_unref);
  g_clear_pointer (&stored->attributes, g_bytes_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Stored, stored_clear)

static gboolean
say (GError **error, const char *what)
{
  return satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "%s", what);
}

static gboolean
read_stored (const CryptVerify *verify, SatchelStorageMailbox *mailbox, guint32 uid, Stored *stored,
             GError **error)
{
  guint8 head[CRYPT_HEADER_BYTES];
  SatchelErrorCode code = 0;
  gssize len = 0;
  stored->content = satchel_storage_open_message (verify->storage, verify->access, mailbox, uid, error);
  if (stored->content == NULL
      || !satchel_storage_get_attributes (verify->storage, verify->access, mailbox, &uid, 1,
                                          &stored->attributes, &code, error)
      || (len = crypt_head_read (stored->content, head, error)) < 0)
    return FALSE;
  const CryptFound found = crypt_header_read (&stored->header, head, (gsize) len, verify->keys, error);
  stored->is_sealed = found == CRYPT_FOUND_HEADER && crypt_header_is_sealed (&stored->header);
  return found != CRYPT_FOUND_DAMAGE;
}

/* Compares what can be compared without a key. */
static gboolean
check_outside (const Stored *stored, const SatchelMessageRow *row, GError **error)
{
  const guint8 *id = NULL;
  const gboolean has_sealed =
      stored->attributes != NULL && crypt_attributes_is_sealed (stored->attributes, &id);
  if (!stored->is_sealed)
    return !has_sealed || say (error, "the message was sealed, and something else is in its place");
  const gint64 sealed = satchel_stream_length (stored->content, error);
  const gint64 length = sealed < 0 ? -1 : crypt_clear_size ((guint64) sealed);
  if (sealed < 0)
    return FALSE;
  if (length < 0)
    return say (error, "the sealed message is cut off, or has grown");
  if (row->size != SATCHEL_SIZE_UNKNOWN && (guint64) length != row->size)
    return say (error, "the sealed message has another length than the message");
  return !has_sealed || memcmp (id, stored->header.bytes + CRYPT_AT_MESSAGE_ID, CRYPT_MESSAGE_ID_BYTES) == 0
         || say (error, "another sealed message is in the place of this one");
}

/* Opens every chunk, and the attributes. */
static gboolean
check_inside (const CryptVerify *verify, const Stored *stored, GError **error)
{
  g_autoptr (SatchelStream) clear = crypt_reader_new (stored->content, verify->keys, NULL, error);
  g_autofree guint8 *block = g_malloc (BLOCK_BYTES);
  gssize n = clear != NULL && satchel_stream_length (clear, error) >= 0 ? 1 : -1;
  for (guint64 offset = 0; n > 0; offset += (guint64) n)
    n = satchel_stream_read_at (clear, offset, block, BLOCK_BYTES, error);
  sodium_memzero (block, BLOCK_BYTES);
  if (n < 0)
    return FALSE;
  CryptKnown known;
  if (stored->attributes == NULL || !crypt_attributes_is_sealed (stored->attributes, NULL))
    return TRUE;
  GBytes *attributes = crypt_attributes_open (stored->attributes, verify->keys, &known, error);
  sodium_memzero (&known, sizeof known);
  if (attributes != NULL)
    g_bytes_unref (attributes);
  return attributes != NULL;
}

static CryptVerified
judge (const GError *error)
{
  if (g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_GONE))
    return CRYPT_VERIFY_GONE;
  return g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_CORRUPT) ? CRYPT_VERIFY_DAMAGED
                                                                       : CRYPT_VERIFY_FAILED;
}

static CryptVerified
look (const CryptVerify *verify, SatchelStorageMailbox *mailbox, const SatchelMessageRow *row, GError **error)
{
  g_auto (Stored) stored = { 0 };
  g_autoptr (GError) why = NULL;
  CryptVerified result = CRYPT_VERIFY_RIGHT;
  if (!read_stored (verify, mailbox, row->uid, &stored, &why) || !check_outside (&stored, row, &why))
    result = judge (why);
  else if (!stored.is_sealed)
    return CRYPT_VERIFY_CLEAR;
  else if (crypt_keys_find (verify->keys, stored.header.bytes + CRYPT_AT_KEY_ID) == NULL)
    return CRYPT_VERIFY_LOCKED;
  else if (!check_inside (verify, &stored, &why))
    result = judge (why);
  if (why != NULL)
    g_propagate_error (error, g_steal_pointer (&why));
  return result;
}

/* A message that was exchanged while its content and attributes were read is looked at again. */
CryptVerified
crypt_verify_message (const CryptVerify *verify, SatchelStorageMailbox *mailbox, const SatchelMessageRow *row,
                      GError **error)
{
  for (;;)
    {
      const guint exchanges = crypt_store_exchanges (verify->storage->self);
      g_autoptr (GError) why = NULL;
      const CryptVerified result = look (verify, mailbox, row, &why);
      if (result == CRYPT_VERIFY_DAMAGED && crypt_store_was_exchanged (verify->storage->self, exchanges))
        continue;
      if (why != NULL)
        g_propagate_error (error, g_steal_pointer (&why));
      return result;
    }
}
