/* SPDX-License-Identifier: MIT
 * Implements transactions while they are built. operations.c has what layers do to them before they are
 * queued, commit.c runs them.
 */
#include "config.h"

#include "core/storage/store/store_private.h"

#include <satchel/keywords.h>
#include <string.h>

static void
operation_free (gpointer data)
{
  SatchelOperation *operation = data;
  satchel_uid_set_clear (&operation->uids);
  satchel_uid_set_clear (&operation->ret_source);
  satchel_uid_set_clear (&operation->ret_failed);
  g_clear_pointer (&operation->ret_uids, g_array_unref);
  g_strfreev (operation->keywords);
  g_clear_pointer (&operation->metadata, g_ptr_array_unref);
  g_free (operation->unique_id);
  g_clear_pointer (&operation->stage, satchel_stage_free);
  g_clear_pointer (&operation->mailbox, satchel_storage_mailbox_unref);
  g_clear_pointer (&operation->destination, satchel_storage_mailbox_unref);
  g_free (operation);
}

static SatchelTransaction *
transaction_new (SatchelStoreCore *store, const SatchelAccess *access)
{
  SatchelTransaction *transaction = g_new0 (SatchelTransaction, 1);
  transaction->store = store;
  transaction->access = satchel_access_ref ((SatchelAccess *) access);
  transaction->operations = g_ptr_array_new_with_free_func (operation_free);
  return transaction;
}

SatchelTransaction *
satchel_transaction_new (SatchelStore *store)
{
  SatchelTransaction *transaction = transaction_new (store->core, store->access);
  transaction->handle = satchel_store_ref (store);
  return transaction;
}

SatchelTransaction *
satchel_storage_new_transaction (SatchelStorage *storage, const SatchelAccess *access)
{
  return transaction_new (storage->store, access);
}

void
satchel_transaction_free (SatchelTransaction *transaction)
{
  for (guint i = 0; transaction->composed != NULL && i < transaction->composed->len; i++)
    operation_free (g_array_index (transaction->composed, SatchelComposed, i).move);
  g_clear_pointer (&transaction->composed, g_array_unref);
  g_ptr_array_unref (transaction->operations);
  g_clear_error (&transaction->error);
  g_clear_pointer (&transaction->handle, satchel_store_unref);
  satchel_access_unref (transaction->access);
  g_free (transaction);
}

static void
note_error (SatchelTransaction *transaction, SatchelErrorCode code, const char *message)
{
  if (transaction->error == NULL)
    satchel_error_set (&transaction->error, code, "%s", message);
}

static char **
copy_keywords (SatchelTransaction *transaction, const char *const *keywords)
{
  if (keywords == NULL || keywords[0] == NULL)
    return NULL;
  if (satchel_keywords_check (keywords, transaction->error == NULL ? &transaction->error : NULL))
    return g_strdupv ((char **) keywords);
  return NULL;
}

SatchelOperation *
satchel_transaction_add (SatchelTransaction *transaction, SatchelOperationKind kind,
                         SatchelStorageMailbox *mailbox, const SatchelUidSet *uids,
                         SatchelStorageMailbox *destination)
{
  SatchelOperation *operation = g_new0 (SatchelOperation, 1);
  operation->kind = kind;
  operation->mailbox = satchel_storage_mailbox_ref (mailbox);
  operation->destination = destination != NULL ? satchel_storage_mailbox_ref (destination) : NULL;
  operation->unchanged_since = G_MAXUINT64;
  if (uids != NULL)
    satchel_uid_set_copy (uids, &operation->uids);
  if (satchel_mailbox_core (mailbox)->store != transaction->store
      || (destination != NULL && satchel_mailbox_core (destination)->store != transaction->store))
    note_error (transaction, SATCHEL_ERROR_CANNOT, "a mailbox of another store");
  g_ptr_array_add (transaction->operations, operation);
  return operation;
}

static SatchelOperation *
add_operation (SatchelTransaction *transaction, SatchelOperationKind kind, SatchelMailbox *mailbox,
               const SatchelUidSet *uids, SatchelMailbox *destination)
{
  return satchel_transaction_add (transaction, kind, &mailbox->core->handle, uids,
                                  destination != NULL ? &destination->core->handle : NULL);
}

const SatchelAccess *
satchel_transaction_access (const SatchelTransaction *transaction)
{
  return transaction->access;
}

SatchelOperation *
satchel_transaction_append (SatchelTransaction *transaction, SatchelMailbox *mailbox, SatchelStage *stage,
                            guint32 flags, const char *const *keywords, gint64 internal_date)
{
  SatchelOperation *operation = add_operation (transaction, SATCHEL_OPERATION_APPEND, mailbox, NULL, NULL);
  operation->stage = stage;
  operation->flags = flags & (SATCHEL_FLAGS_ALL | SATCHEL_FLAG_UNPARSED);
  operation->keywords = copy_keywords (transaction, keywords);
  operation->internal_date = internal_date;
  if (!satchel_stage_is_finished (stage) || satchel_stage_store (stage) != transaction->store)
    note_error (transaction, SATCHEL_ERROR_CANNOT, "a stage that is not finished, or of another store");
  return operation;
}

SatchelOperation *
satchel_transaction_copy (SatchelTransaction *transaction, SatchelMailbox *mailbox, const SatchelUidSet *uids,
                          SatchelMailbox *destination)
{
  return add_operation (transaction, SATCHEL_OPERATION_COPY, mailbox, uids, destination);
}

SatchelOperation *
satchel_transaction_move (SatchelTransaction *transaction, SatchelMailbox *mailbox, const SatchelUidSet *uids,
                          SatchelMailbox *destination)
{
  return add_operation (transaction, SATCHEL_OPERATION_MOVE, mailbox, uids, destination);
}

SatchelOperation *
satchel_transaction_flags (SatchelTransaction *transaction, SatchelMailbox *mailbox,
                           const SatchelUidSet *uids, SatchelFlagsMode mode, guint32 flags,
                           const char *const *keywords, guint64 unchanged_since)
{
  SatchelOperation *operation = add_operation (transaction, SATCHEL_OPERATION_FLAGS, mailbox, uids, NULL);
  operation->mode = mode;
  operation->flags = flags & SATCHEL_FLAGS_ALL;
  operation->keywords = copy_keywords (transaction, keywords);
  operation->unchanged_since = unchanged_since;
  return operation;
}

SatchelOperation *
satchel_transaction_expunge (SatchelTransaction *transaction, SatchelMailbox *mailbox,
                             const SatchelUidSet *uids, gboolean only_deleted)
{
  SatchelOperation *operation = add_operation (transaction, SATCHEL_OPERATION_EXPUNGE, mailbox, uids, NULL);
  operation->only_deleted = only_deleted;
  return operation;
}

guint
satchel_transaction_n_operations (const SatchelTransaction *transaction)
{
  return transaction->operations->len;
}

SatchelOperation *
satchel_transaction_operation (const SatchelTransaction *transaction, guint index)
{
  return index < transaction->operations->len ? transaction->operations->pdata[index] : NULL;
}
