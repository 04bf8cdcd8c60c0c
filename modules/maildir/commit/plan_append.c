/* SPDX-License-Identifier: MIT
 * Implements APPEND: staged content gets the name of a message.
 */
#include "config.h"

#include "names/file_name.h"
#include "commit/journal.h"
#include "mailbox/mailbox.h"
#include "store/maildir_store.h"
#include "mailbox/metadata.h"
#include "commit/stage_message.h"
#include "commit/transaction_plan.h"
#include "files/unique_name.h"

/* Makes the name, without flags. */
static gboolean
name_new_message (const MdMailbox *mb, const SatchelOperation *op, guint32 uid, GString *name, GError **error)
{
  const SatchelStaged *staged = satchel_stage_staged (op->stage);
  const MdStaged *content = staged->driver;
  gboolean is_sane = op->internal_date >= 0 && op->internal_date <= G_MAXUINT32;
  char unique[128], field[MD_EMAIL_ID_FIELD] = "";
  md_unique_name (unique, is_sane ? op->internal_date : g_get_real_time () / G_USEC_PER_SEC);
  if (satchel_operation_has_email_id (op))
    md_name_make_email_id (op->email_id, field);
  g_autofree char *prefix = g_strconcat (unique, field, NULL);
  MdNameParts parts = { .prefix = prefix,
                        .size = content->disk_size,
                        .wire = staged->size,
                        .length = content->length,
                        .date = op->internal_date,
                        .is_raw = content->is_raw,
                        .uidvalidity = mb->uidvalidity,
                        .uid = uid };
  return md_name_build (name, &parts)
         || satchel_error_set (error, SATCHEL_ERROR_CANNOT, "the file name of the message would be too long");
}

MdStep *
md_plan_step_from_staged (MdPlan *plan, MdStaged *content)
{
  MdStep *step = md_plan_step (plan, content->spool != NULL ? MD_STEP_LINK : MD_STEP_RENAME);
  step->from = md_plan_name (plan, content->spool != NULL ? content->spool : content->name);
  step->from_fd = content->spool != NULL ? plan->store->root_fd : plan->store->tmp_fd;
  step->from_dir = "tmp";
  step->is_external = content->spool != NULL;
  step->is_staged = content->spool == NULL;
  plan->syncs_tmp |= content->spool == NULL;
  if (plan->staged == NULL)
    plan->staged = g_ptr_array_new ();
  g_ptr_array_add (plan->staged, content);
  return step;
}

static gint64
save_date_of (const SatchelOperation *op)
{
  if (op->save_date == SATCHEL_DATE_UNKNOWN)
    return 0;
  return op->save_date != 0 ? op->save_date : g_get_real_time () / G_USEC_PER_SEC;
}

gboolean
md_plan_append (MdPlan *plan, SatchelOperation *op, GError **error)
{
  MdMailbox *mb = op->mailbox->driver;
  SatchelStaged *staged = satchel_stage_staged (op->stage);
  SatchelMessageRow row = { .flags = op->flags & (SATCHEL_FLAGS_ALL | SATCHEL_FLAG_UNPARSED),
                            .modseq = plan->op_modseq,
                            .size = staged->size,
                            .internal_date = op->internal_date,
                            .save_date = save_date_of (op) };
  if (staged->driver == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_FAILED,
                              "the content of the message was stored already, and can be used once only");
  if (!md_plan_take_import (plan, op, &row.uid, error)
      || !md_plan_keyword_bits (plan, mb, op->keywords, MD_KEYWORDS_ROOM, &row.keywords, error))
    return FALSE;
  g_autoptr (GString) name = g_string_sized_new (192);
  if (!name_new_message (mb, op, row.uid, name, error))
    return FALSE;
  md_plan_note_unique_id (plan, op, row.uid, name->str, (guint) name->len);
  MdStep *step = md_plan_step_from_staged (plan, staged->driver);
  SatchelSnapshotBuilder *builder = md_plan_builder_for (plan, mb);
  md_plan_add_message (plan, mb, builder, &row, name, staged->attributes, step);
  md_plan_last_effect (plan)->is_import =
      op->modseq != 0 || (op->save_date != 0 && op->save_date != SATCHEL_DATE_UNKNOWN);
  md_plan_finish_builder (plan, mb, builder);
  md_plan_set_metadata (mb, row.uid, op);
  g_array_append_val (op->ret_uids, row.uid);
  op->ret_uidvalidity = mb->uidvalidity;
  return TRUE;
}
