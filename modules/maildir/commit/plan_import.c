/* SPDX-License-Identifier: MIT
 * Implements messages that come with UIDs, mod-sequences and unique ids of another store. What does not fit
 * is refused, and what fails leaves nothing behind. The unique ids are in the UID list, as those of other
 * servers are.
 */
#include "config.h"

#include "names/file_name.h"
#include "mailbox/mailbox.h"
#include "store/maildir_store.h"
#include "store/slots.h"
#include "commit/transaction_plan.h"
#include "foreign/uidlist.h"
#include "foreign/uidlist_write.h"
#include "foreign/unique_ids.h"
#include "store/user_file.h"

#include <satchel/hash.h>

static void
free_import (gpointer data)
{
  MdImport *import = data;
  g_string_free (import->lines, TRUE);
  g_free (import);
}

static MdImport *
get_import (MdPlan *plan, MdMailbox *mb)
{
  if (plan->imports == NULL)
    plan->imports = g_ptr_array_new_with_free_func (free_import);
  for (guint i = 0; i < plan->imports->len; i++)
    if (((MdImport *) plan->imports->pdata[i])->mb == mb)
      return plan->imports->pdata[i];
  MdImport *import = g_new (MdImport, 1);
  *import = (MdImport) { mb, mb->uidnext, g_string_new (NULL) };
  g_ptr_array_add (plan->imports, import);
  return import;
}

/* Collects unique ids that clients may know: those of all messages now, and of messages that were removed
 * since this process opened the mailbox. */
static gboolean
collect_told_ids (MdMailbox *mb, GError **error)
{
  if (mb->told_ids == NULL)
    {
      mb->told_ids = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
      mb->told_upto = 0;
    }
  if (mb->told_upto == mb->uidnext)
    return TRUE;
  MdUniqueIds *ids = md_unique_ids_current (mb, error);
  if (ids == NULL)
    return FALSE;
  guint32 index;
  satchel_snapshot_find (mb->snapshot, mb->told_upto, &index);
  for (; index < mb->snapshot->state.n_messages; index++)
    {
      guint row;
      const SatchelChunk *chunk = satchel_snapshot_at (mb->snapshot, index, &row);
      g_hash_table_add (mb->told_ids, md_unique_id_told (mb, ids, chunk->uid[row]));
    }
  md_unique_ids_drop (ids);
  mb->told_upto = mb->uidnext;
  return TRUE;
}

static gboolean
check_import_id (MdMailbox *mb, const SatchelOperation *op, GError **error)
{
  if (op->unique_id == NULL)
    return TRUE;
  if (!collect_told_ids (mb, error))
    return FALSE;
  return !g_hash_table_contains (mb->told_ids, op->unique_id)
         || satchel_error_set (error, SATCHEL_ERROR_CANNOT, "mailbox %s: another message has this unique id",
                               mb->name);
}

gboolean
md_plan_take_import (MdPlan *plan, const SatchelOperation *op, guint32 *ret_uid, GError **error)
{
  MdMailbox *mb = op->mailbox->driver;
  if (op->uid == 0 && op->unique_id == NULL)
    return md_plan_take_uid (mb, ret_uid, error);
  if (op->uid != 0 && (op->uid < mb->uidnext || op->uid >= MD_UID_MAX))
    return satchel_error_set (
        error, SATCHEL_ERROR_CANNOT,
        "mailbox %s: UID %u is below UIDNEXT, which is %u, or above the highest possible UID", mb->name,
        op->uid, mb->uidnext);
  if (!check_import_id (mb, op, error))
    return FALSE;
  get_import (plan, mb);
  const guint32 uid = op->uid != 0 ? op->uid : mb->uidnext;
  if (!md_mailbox_reserve_uids (mb, uid + 1, error))
    return FALSE;
  mb->uidnext = uid + 1;
  *ret_uid = uid;
  return TRUE;
}

void
md_plan_note_unique_id (MdPlan *plan, const SatchelOperation *op, guint32 uid, const char *name,
                        guint base_len)
{
  MdMailbox *mb = op->mailbox->driver;
  if (op->unique_id == NULL)
    return;
  const MdListed file = { .uid = uid, .len = base_len, .base = name, .date = op->internal_date };
  md_uidlist_line (get_import (plan, mb)->lines, mb->uidvalidity, &file, op->unique_id);
  g_hash_table_add (mb->told_ids, g_strdup (op->unique_id));
  mb->told_upto = uid + 1;
}

void
md_plan_save_unique_id (MdPlan *plan, MdMailbox *mb, const SatchelMessageRow *row, const GString *name,
                        const char *id)
{
  const MdListed file = {
    .uid = row->uid, .len = (guint) name->len, .base = name->str, .date = row->internal_date
  };
  md_uidlist_line (get_import (plan, mb)->lines, mb->uidvalidity, &file, id);
}

gboolean
md_plan_begin_imports (MdStore *store, SatchelTransaction *transaction, GError **error)
{
  guint64 modseq = 0;
  for (guint i = 0; i < satchel_transaction_n_operations (transaction); i++)
    modseq = MAX (modseq, satchel_transaction_operation (transaction, i)->modseq);
  return modseq <= store->user->modseq || md_user_raise (store, modseq, 0, error);
}

/* Without the mark the UID list is not read for unique ids, since that takes longer than opening a mailbox
 * of ours otherwise does. */
static gboolean
mark_unique_ids (MdMailbox *mb, GError **error)
{
  guint64 *has_ids = &mb->state.words[MD_STATE_HAS_UNIQUE_IDS];
  if (*has_ids != 0)
    return TRUE;
  *has_ids = 1;
  if (md_slots_commit (&mb->state, error))
    return TRUE;
  *has_ids = 0;
  return FALSE;
}

gboolean
md_plan_save_imports (MdPlan *plan, GError **error)
{
  for (guint i = 0; plan->imports != NULL && i < plan->imports->len; i++)
    {
      const MdImport *import = plan->imports->pdata[i];
      if (import->lines->len > 0
          && (!mark_unique_ids (import->mb, error)
              || !md_uidlist_add_saved (import->mb, import->lines, error)))
        return FALSE;
    }
  return TRUE;
}
