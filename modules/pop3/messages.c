/* SPDX-License-Identifier: MIT
 * Keeps what a session knows of each message of its maildrop, and the marks of DELE (RFC 1939 5).
 */
#include "pop3_session.h"

#include <satchel/error-words.h>

guint64
pop3_size (Pop3 *pop3, guint32 index)
{
  guint row;
  const SatchelChunk *chunk = satchel_snapshot_at (pop3->snapshot, index, &row);
  if (pop3->sizes != NULL && pop3->sizes[index] != 0)
    return pop3->sizes[index];
  return chunk->size[row] != SATCHEL_SIZE_UNKNOWN ? chunk->size[row]
                                                  : 0; /* the message was gone at login, and RETR says so */
}

gboolean
pop3_has_surrogate (Pop3 *pop3, guint32 index)
{
  return pop3->surrogates != NULL && (pop3->surrogates[index / 8] & (1u << (index % 8))) != 0;
}

guint32
pop3_uid (Pop3 *pop3, guint32 index)
{
  guint row;
  const SatchelChunk *chunk = satchel_snapshot_at (pop3->snapshot, index, &row);
  return chunk->uid[row];
}

gboolean
pop3_is_deleted (Pop3 *pop3, guint32 index)
{
  return pop3->deleted != NULL && (pop3->deleted[index / 8] & (1u << (index % 8))) != 0;
}

SatchelStream *
pop3_open_message (Pop3 *pop3, guint32 index, guint64 *ret_header, GError **error)
{
  guint32 uid = pop3_uid (pop3, index);
  g_autoptr (SatchelStream) content = satchel_mailbox_open_message (pop3->mailbox, uid, error);
  if (content == NULL || (ret_header == NULL && !pop3_has_surrogate (pop3, index)))
    return g_steal_pointer (&content);
  GBytes *found = NULL;
  if (!satchel_mailbox_attributes (pop3->mailbox, &uid, 1, &found, NULL, error))
    return NULL;
  g_autoptr (GBytes) attributes = found;
  if (attributes == NULL)
    {
      satchel_error_set (error, SATCHEL_ERROR_GONE, "message %u is gone", uid);
      return NULL;
    }
  if (pop3_has_surrogate (pop3, index))
    return satchel_stream_new_downgraded (content, attributes, ret_header, error);
  *ret_header = satchel_attributes_header_size (attributes);
  return g_steal_pointer (&content);
}

void
pop3_delete (Pop3 *pop3, guint32 index)
{
  if (pop3->deleted == NULL)
    pop3->deleted = g_malloc0 (pop3->snapshot->state.n_messages / 8 + 1);
  pop3->deleted[index / 8] = (guint8) (pop3->deleted[index / 8] | (1u << (index % 8)));
  pop3->n_deleted++;
  pop3->size_deleted += pop3_size (pop3, index);
}

void
pop3_reset (Pop3 *pop3)
{
  g_clear_pointer (&pop3->deleted, g_free);
  pop3->n_deleted = 0;
  pop3->size_deleted = 0;
}

void
pop3_say_totals (Pop3 *pop3)
{
  pop3_say_ok (pop3->connection, "%u %s (%" G_GUINT64_FORMAT " %s)",
               pop3->snapshot->state.n_messages - pop3->n_deleted, pop3_word (pop3, POP3_WORD_MESSAGES),
               pop3->total_size - pop3->size_deleted, pop3_word (pop3, POP3_WORD_OCTETS));
}

#define LASTING(code, response, words, lasting, reply) [SATCHEL_ERROR_##code] = POP3_ERROR_##lasting,
static const Pop3Lasting lastings[] = { SATCHEL_ERROR_WORDS (LASTING) };

Pop3Lasting
pop3_error_lasting (const GError *error)
{
  if (error == NULL || error->domain != SATCHEL_ERROR || (guint) error->code >= G_N_ELEMENTS (lastings))
    return POP3_ERROR_TEMPORARY;
  return lastings[error->code];
}
