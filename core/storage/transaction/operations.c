/* SPDX-License-Identifier: MIT
 * Implements the kinds of operations, and their way down the stack to the driver. A level that is too old
 * for a kind gets the operations of which it is composed. If that is not possible, the core refuses the
 * operation, since one that no level executes must not succeed. operation_fields.c has the members of
 * operations.
 */
#include "config.h"

#include "core/storage/store/store_private.h"

typedef void (*Compose) (SatchelTransaction *transaction, guint index);

static void compose_move (SatchelTransaction *transaction, guint index);

static const struct Kind
{
  const char *name;
  guint classes;       /* classes of layers that are asked about it */
  gboolean is_of_uids; /* it needs messages that exist; with an empty set it has no effect */
  /* replaces the operation by older kinds; NULL: nothing can replace it, so it is refused with CANNOT */
  Compose compose;
} kinds[] = {
  [SATCHEL_OPERATION_APPEND] = { "APPEND", SATCHEL_CLASS_CONTENT_IN, FALSE, NULL },
  [SATCHEL_OPERATION_COPY] = { "COPY", SATCHEL_CLASS_CONTENT_OUT, TRUE, NULL },
  [SATCHEL_OPERATION_FLAGS] = { "FLAGS", SATCHEL_CLASS_FLAGS, TRUE, NULL },
  [SATCHEL_OPERATION_EXPUNGE] = { "EXPUNGE", SATCHEL_CLASS_REMOVE, TRUE, NULL },
  [SATCHEL_OPERATION_MOVE] = { "MOVE", SATCHEL_CLASS_CONTENT_OUT | SATCHEL_CLASS_REMOVE, TRUE, compose_move },
};

static const struct Kind *
find_kind (guint kind, GError **error)
{
  if (kind < G_N_ELEMENTS (kinds) && kinds[kind].name != NULL)
    return &kinds[kind];
  satchel_error_set (error, SATCHEL_ERROR_CANNOT, "operation %u is not one that this server knows", kind);
  return NULL;
}

gboolean
satchel_operation_has_effect (const SatchelOperation *operation)
{
  const struct Kind *kind = find_kind (operation->kind, NULL);
  return kind != NULL && (!kind->is_of_uids || operation->ret_source.n_ranges > 0);
}

static SatchelOperation *
part_of_move (const SatchelOperation *move, SatchelOperationKind kind)
{
  SatchelOperation *part = g_new0 (SatchelOperation, 1);
  part->kind = kind;
  part->mailbox = satchel_storage_mailbox_ref (move->mailbox);
  part->destination = kind == SATCHEL_OPERATION_COPY ? satchel_storage_mailbox_ref (move->destination) : NULL;
  part->unchanged_since = G_MAXUINT64;
  part->only_deleted = move->only_deleted;
  satchel_uid_set_copy (&move->uids, &part->uids);
  return part;
}

/* Within a mailbox the EXPUNGE must not meet the copies: their UIDs are from UIDNEXT on. */
static void
leave_out_new (SatchelOperation *move)
{
  g_autoptr (SatchelSnapshot) snapshot = satchel_storage_mailbox_snapshot (move->mailbox);
  g_auto (SatchelUidSet) old = { NULL, 0 };
  for (guint i = 0; i < move->uids.n_ranges && move->uids.ranges[i].first < snapshot->state.uidnext; i++)
    satchel_uid_set_add (&old, move->uids.ranges[i].first,
                         MIN (move->uids.ranges[i].last, snapshot->state.uidnext - 1));
  satchel_uid_set_clear (&move->uids);
  move->uids = old;
  old = (SatchelUidSet) { NULL, 0 };
}

/* Replaces a MOVE by COPY, with all that the new messages get, and EXPUNGE at its place. The caller keeps its
 * operation, which gets the results at the end. */
static void
compose_move (SatchelTransaction *transaction, guint index)
{
  SatchelComposed composed = { .move = transaction->operations->pdata[index] };
  if (composed.move->mailbox == composed.move->destination)
    leave_out_new (composed.move);
  composed.copy = part_of_move (composed.move, SATCHEL_OPERATION_COPY);
  composed.copy->flags = composed.move->flags;
  composed.copy->clear_flags = composed.move->clear_flags;
  composed.copy->clear_keywords = composed.move->clear_keywords;
  composed.copy->keywords = g_strdupv (composed.move->keywords);
  composed.copy->metadata =
      composed.move->metadata != NULL ? g_ptr_array_ref (composed.move->metadata) : NULL;
  composed.expunge = part_of_move (composed.move, SATCHEL_OPERATION_EXPUNGE);
  transaction->operations->pdata[index] = composed.copy;
  g_ptr_array_insert (transaction->operations, (gint) index + 1, composed.expunge);
  if (transaction->composed == NULL)
    transaction->composed = g_array_new (FALSE, FALSE, sizeof (SatchelComposed));
  g_array_append_val (transaction->composed, composed);
}

void
satchel_operation_fill_composed (SatchelTransaction *transaction)
{
  for (guint i = 0; transaction->composed != NULL && i < transaction->composed->len; i++)
    {
      SatchelComposed *composed = &g_array_index (transaction->composed, SatchelComposed, i);
      SatchelOperation *move = composed->move;
      move->ret_uidvalidity = composed->copy->ret_uidvalidity;
      move->ret_modseq = composed->expunge->ret_modseq;
      satchel_uid_set_clear (&move->ret_source);
      satchel_uid_set_copy (&composed->copy->ret_source, &move->ret_source);
      g_clear_pointer (&move->ret_uids, g_array_unref);
      if (composed->copy->ret_uids != NULL)
        move->ret_uids = g_array_ref (composed->copy->ret_uids);
    }
}

/* Makes the operation at @index one that @level can understand, if it concerns it. */
static gboolean
suit_operation (SatchelTransaction *transaction, guint index, const SatchelStorage *level,
                gboolean *ret_is_concerned, GError **error)
{
  for (;;)
    {
      SatchelOperation *operation = transaction->operations->pdata[index];
      const struct Kind *kind = find_kind (operation->kind, error);
      gboolean is_driver = level->below == NULL;
      if (kind == NULL || (is_driver && !satchel_operation_check_values (operation, error)))
        return FALSE;
      if (!is_driver && (kind->classes & level->ops->classes) == 0)
        return TRUE;
      *ret_is_concerned = TRUE;
      if (operation->kind <= level->ops->newest_operation)
        return satchel_operation_suit_fields (operation, kind->name, level, error);
      if (kind->compose == NULL)
        return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "module %s is too old for the operation %s",
                                  satchel_dispatch_level_name (level), kind->name);
      kind->compose (transaction, index);
    }
}

gboolean
satchel_operation_suit_level (SatchelTransaction *transaction, const SatchelStorage *level,
                              gboolean *ret_is_concerned, GError **error)
{
  *ret_is_concerned = FALSE;
  for (guint i = 0; i < transaction->operations->len; i++)
    if (!suit_operation (transaction, i, level, ret_is_concerned, error))
      return FALSE;
  return TRUE;
}

/* Says whether an operation before the one at @index concerns @mailbox, so that its messages at that time are
 * not known yet. */
static gboolean
is_touched_before (const SatchelTransaction *transaction, guint index, const SatchelStorageMailbox *mailbox)
{
  for (guint i = 0; i < index; i++)
    {
      const SatchelOperation *before = transaction->operations->pdata[i];
      if (before->mailbox == mailbox || before->destination == mailbox)
        return TRUE;
    }
  return FALSE;
}

/* Adds the messages of a chunk from @row on whose UIDs are up to @last.  TRUE: all of them are. */
static gboolean
resolve_rows (const SatchelChunk *chunk, guint row, guint32 last, gboolean only_deleted,
              SatchelUidSet *resolved)
{
  while (row < chunk->n && chunk->uid[row] <= last)
    {
      const guint32 first = chunk->uid[row];
      guint n = 0; /* messages from this one on whose UIDs follow one another */
      while (row + n < chunk->n && chunk->uid[row + n] == first + n && first + n <= last
             && (!only_deleted || (chunk->flags[row + n] & SATCHEL_FLAG_DELETED) != 0))
        n++;
      if (n > 0)
        satchel_uid_set_add (resolved, first, first + n - 1);
      row += MAX (n, 1);
    }
  return row == chunk->n;
}

static void
resolve_range (const SatchelSnapshot *snapshot, const SatchelRange *range, gboolean only_deleted,
               SatchelUidSet *resolved)
{
  guint32 index;
  guint row;
  satchel_snapshot_find (snapshot, range->first, &index);
  while (index < snapshot->state.n_messages)
    {
      const SatchelChunk *chunk = satchel_snapshot_at (snapshot, index, &row);
      if (!resolve_rows (chunk, row, range->last, only_deleted, resolved))
        return;
      index += chunk->n - row;
    }
}

static void
resolve_operation (SatchelOperation *operation)
{
  g_auto (SatchelUidSet) resolved = { NULL, 0 };
  g_autoptr (SatchelSnapshot) snapshot = satchel_storage_mailbox_snapshot (operation->mailbox);
  for (guint i = 0; i < operation->uids.n_ranges; i++)
    resolve_range (snapshot, &operation->uids.ranges[i], operation->only_deleted, &resolved);
  satchel_uid_set_clear (&operation->uids);
  operation->uids = resolved;
  resolved = (SatchelUidSet) { NULL, 0 };
}

void
satchel_operation_resolve (SatchelTransaction *transaction)
{
  for (guint i = 0; i < transaction->operations->len; i++)
    {
      SatchelOperation *operation = transaction->operations->pdata[i];
      const struct Kind *kind = find_kind (operation->kind, NULL);
      if (kind != NULL && kind->is_of_uids && !is_touched_before (transaction, i, operation->mailbox))
        resolve_operation (operation);
    }
}
