/* SPDX-License-Identifier: MIT
 * For tests: a layer that puts what is removed into a mailbox that nobody sees.
 */
#pragma once
#include <satchel/storage.h>
#include <satchel/transaction.h>
#include <string.h>

static inline gboolean
keeper_open (SatchelStorage *storage, const SatchelConfig *section, GError **error)
{
  return TRUE;
}

static inline gboolean
keeper_list (SatchelStorage *storage, const SatchelAccess *access, GPtrArray *infos, GError **error)
{
  gboolean ok = satchel_storage_list (storage, access, infos, error);
  for (guint i = infos->len; i > 0; i--)
    if (strcmp (((SatchelMailboxInfo *) infos->pdata[i - 1])->name, "kept") == 0)
      g_ptr_array_remove_index (infos, i - 1);
  return ok;
}

static inline gboolean
keeper_plan (SatchelStorage *storage, SatchelTransaction *transaction, GError **error)
{
  const SatchelAccess *access = satchel_transaction_access (transaction);
  satchel_storage_create (storage, access, "kept", 0, NULL);
  for (guint i = 0; i < satchel_transaction_n_operations (transaction); i++)
    {
      SatchelOperation *operation = satchel_transaction_operation (transaction, i);
      if (operation->kind != SATCHEL_OPERATION_EXPUNGE)
        continue;
      operation->kind = SATCHEL_OPERATION_MOVE;
      operation->destination = satchel_storage_hold_mailbox (storage, access, "kept", error);
      if (operation->destination == NULL)
        return FALSE;
    }
  return TRUE;
}

static const SatchelStorageOps keeper_ops = { .size = sizeof keeper_ops,
                                              .band = 1,
                                              .classes = SATCHEL_CLASS_REMOVE | SATCHEL_CLASS_LIST,
                                              .newest_operation = SATCHEL_OPERATION_MOVE,
                                              .open = keeper_open,
                                              .list = keeper_list,
                                              .plan = keeper_plan };
