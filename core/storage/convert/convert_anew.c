/* SPDX-License-Identifier: MIT
 * This file begins the copy of a mailbox anew if it has another history than the mailbox.  A driver may find
 * the messages of a commit in which it was killed, and give them mod-sequences of its own and no save dates;
 * after the loss of its index it may do so with all.  No import can put that right, since numbers of a
 * mailbox only rise.
 */
#include "config.h"

#include "core/storage/convert/convert_private.h"

#include <errno.h>
#include <satchel/log.h>
#include <sys/random.h>

#define AREA "convert"

/* Says whether a message of the copy differs in what cannot be changed there.  Its mod-sequence must be one
 * that the message had, so it may not be above the present one.  The dates of a message never change; a
 * driver that keeps no save dates gives each message its mod-sequence. */
static gboolean
differs (const SatchelMessageRow *row, const SatchelMessageRow *own)
{
  return own->modseq > row->modseq
         || (own->modseq != row->modseq
             && (own->save_date != row->save_date || own->internal_date != row->internal_date));
}

/* Returns what is wrong with the copy, or NULL. */
static const char *
find_difference (const SatchelConvertPair *pair)
{
  const SatchelSnapshot *wanted = pair->wanted, *present = pair->present;
  const SatchelMailboxState *state = &present->state;
  if (state->uidnext > wanted->state.uidnext)
    return "gave out UIDs of its own";
  if (state->n_messages > 0 && state->highestmodseq > wanted->state.highestmodseq)
    return "gave out mod-sequences of its own";
  for (guint32 i = 0; i < wanted->state.n_messages; i++)
    {
      guint at;
      guint32 index;
      SatchelMessageRow row, own;
      const SatchelChunk *chunk = satchel_snapshot_at (wanted, i, &at);
      if (chunk->uid[at] >= state->uidnext)
        break;
      satchel_chunk_get_row (chunk, at, &row);
      if (!satchel_snapshot_find (present, row.uid, &index))
        return "lacks a message below its UIDNEXT";
      chunk = satchel_snapshot_at (present, index, &at);
      satchel_chunk_get_row (chunk, at, &own);
      if (differs (&row, &own))
        return "has a message with another mod-sequence or date";
    }
  return NULL;
}

/* Makes the copy a mailbox that is nobody's, and so forgets its numbers. */
static gboolean
forget_numbers (SatchelConvertPair *pair, GError **error)
{
  const guint32 uidvalidity = pair->wanted->state.uidvalidity;
  SatchelMailboxImport nobodys = { .size = sizeof nobodys,
                                   .uidvalidity = uidvalidity > 1 ? uidvalidity - 1 : 2,
                                   .uidnext = 1,
                                   .highestmodseq = 1 };
  if (getrandom (nobodys.mailbox_id, sizeof nobodys.mailbox_id, 0) != sizeof nobodys.mailbox_id)
    return satchel_error_set_errno (error, errno, "the kernel gives no random numbers");
  return satchel_store_import_mailbox (pair->conversion->to, pair->name, &nobodys, error);
}

gboolean
satchel_convert_begin_anew_if_needed (SatchelConvertPair *pair, GError **error)
{
  SatchelConversion *conversion = pair->conversion;
  const char *why = find_difference (pair);
  if (why == NULL)
    return TRUE;
  if (g_hash_table_contains (conversion->anew, pair->name))
    return satchel_error_set (
        error, SATCHEL_ERROR_FAILED,
        "mailbox %s: its copy %s, though it was begun anew already; does another program "
        "change it?",
        pair->name, why);
  g_hash_table_add (conversion->anew, g_strdup (pair->name));
  satchel_log (SATCHEL_LOG_INFO, AREA, "user=%s mailbox %s: its copy begins anew, since it %s",
               conversion->from->core->user, pair->name, why);
  return satchel_convert_empty (pair->to, error) && forget_numbers (pair, error)
         && satchel_convert_make_mailbox (pair, error);
}
