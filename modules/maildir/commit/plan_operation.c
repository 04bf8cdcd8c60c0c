/* SPDX-License-Identifier: MIT
 * Plans one operation of a transaction, by its kind.
 */
#include "config.h"

#include "commit/transaction_plan.h"

static gboolean
plan_by_kind (MdPlan *plan, SatchelOperation *op, GError **error)
{
  switch (op->kind)
    {
    case SATCHEL_OPERATION_APPEND:
      return md_plan_append (plan, op, error);
    case SATCHEL_OPERATION_FLAGS:
      return md_plan_flags (plan, op, error);
    case SATCHEL_OPERATION_EXPUNGE:
      return md_plan_expunge (plan, op, error);
    case SATCHEL_OPERATION_COPY:
    case SATCHEL_OPERATION_MOVE:
      return md_plan_copy (plan, op, error);
    }
  return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "the maildir driver does not know operation %d",
                            (int) op->kind);
}

gboolean
md_plan_operation (MdPlan *plan, SatchelOperation *op, GError **error)
{
  satchel_uid_set_clear (&op->ret_source);
  satchel_uid_set_clear (&op->ret_failed);
  if (op->ret_uids == NULL)
    op->ret_uids = g_array_new (FALSE, FALSE, sizeof (guint32));
  g_array_set_size (op->ret_uids, 0);
  plan->op_changes = FALSE;
  if (op->kind != SATCHEL_OPERATION_FLAGS && !md_plan_take_modseq (plan, error))
    return FALSE;
  if (op->modseq != 0)
    plan->op_modseq = op->modseq;
  gboolean ok = plan_by_kind (plan, op, error);
  op->ret_modseq = plan->op_changes ? plan->op_modseq : 0;
  return ok;
}
