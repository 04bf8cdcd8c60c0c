/* SPDX-License-Identifier: MIT
 * Storage driver `broken`, for tests of the conformance suite: the driver `memory` with one fault, which the
 * setting `fault` chooses.  Each fault is a function that stands before a method of `memory`.
 */
#include "memory.h"

#include <satchel/module.h>
#include <string.h>

/* memory.c, as it is compiled for this module, gives its own module by this name. */
const SatchelModule *memory_module (void);

/* In the order of the setting's choices. */
typedef enum
{
  FAULT_NONE,
  FAULT_UID_AGAIN,
  FAULT_MODSEQ_STAYS,
  FAULT_WRITES_ON_FAILURE,
  FAULT_COPY_FORGETS_KEYWORDS,
  FAULT_HALF_A_BATCH,
  FAULT_WRONG_BYTES,
  FAULT_MOVE_KEEPS,
  FAULT_CONDITION_IGNORED,
  FAULT_TOMBSTONE_LOST,
  FAULT_USAGE_OFF,
  FAULT_UIDVALIDITY_AGAIN,
  FAULT_FLAGS_LOST,
  FAULT_STATUS_ON_FAILURE,
  FAULT_FILE_KEEPS_END,
  FAULT_EXCHANGE_KEEPS_ATTRIBUTES
} Fault;

typedef struct Settings
{
  guint fault;
} Settings;
static Settings settings;
static const SatchelStorageOps *memory_ops;

static void
set_state (MemoryBox *box, const SatchelMailboxState *state)
{
  memory_box_publish (box,
                      satchel_snapshot_builder_finish (satchel_snapshot_builder_new (box->snapshot), state));
}

/* UIDs begin again after the highest one that is left. */
static void
forget_uidnext (MemoryBox *box)
{
  SatchelMailboxState state = box->snapshot->state;
  guint at;
  state.uidnext = 1;
  if (state.n_messages > 0)
    state.uidnext = satchel_snapshot_at (box->snapshot, state.n_messages - 1, &at)->uid[at] + 1;
  set_state (box, &state);
}

/* The flags of messages were acknowledged, but never stored. */
static void
forget_flags (MemoryBox *box)
{
  SatchelSnapshotBuilder *builder = satchel_snapshot_builder_new (box->snapshot);
  for (guint32 i = 0; i < box->snapshot->state.n_messages; i++)
    {
      SatchelMessageRow row;
      satchel_snapshot_builder_get (builder, i, &row);
      row.flags = 0;
      satchel_snapshot_builder_set (builder, i, &row);
    }
  memory_box_publish (box, satchel_snapshot_builder_finish (builder, &box->snapshot->state));
}

static gboolean
broken_open (SatchelStorage *storage, const SatchelConfig *section, GError **error)
{
  if (!memory_ops->open (storage, section, error))
    return FALSE;
  MemoryUser *user = storage->self;
  GHashTableIter iter;
  gpointer box;
  g_hash_table_iter_init (&iter, user->boxes);
  while (g_hash_table_iter_next (&iter, NULL, &box))
    if (settings.fault == FAULT_UID_AGAIN)
      forget_uidnext (box);
    else if (settings.fault == FAULT_FLAGS_LOST)
      forget_flags (box);
  return TRUE;
}

static gboolean
broken_create (SatchelStorage *storage, const SatchelAccess *access, const char *name, guint special_use,
               GError **error)
{
  MemoryUser *user = storage->self;
  if (!memory_ops->create (storage, access, name, special_use, error))
    return FALSE;
  if (settings.fault != FAULT_UIDVALIDITY_AGAIN)
    return TRUE;
  MemoryBox *box = g_hash_table_lookup (user->boxes, name);
  SatchelMailboxState state = box->snapshot->state;
  state.uidvalidity = 1700000000;
  set_state (box, &state);
  return TRUE;
}

static gboolean
broken_email_id (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                 guint32 uid, guint8 ret_id[16], GError **error)
{
  if (settings.fault == FAULT_WRITES_ON_FAILURE)
    memset (ret_id, 0, 16);
  return memory_email_id (storage, access, mailbox, uid, ret_id, error);
}

static gboolean
broken_vanished (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                 guint64 modseq, SatchelUidSet *ret_uids, gboolean *ret_is_complete, GError **error)
{
  gboolean ok = memory_vanished (storage, access, mailbox, modseq, ret_uids, ret_is_complete, error);
  if (ok && settings.fault == FAULT_TOMBSTONE_LOST && ret_uids->n_ranges > 0)
    ret_uids->n_ranges--;
  return ok;
}

static gboolean
broken_usage (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
              const SatchelUidSet *uids, SatchelUsage *ret_usage, GError **error)
{
  gboolean ok = memory_usage (storage, access, mailbox, uids, ret_usage, error);
  if (ok && settings.fault == FAULT_USAGE_OFF && ret_usage->messages > 0)
    ret_usage->bytes++;
  return ok;
}

static gboolean
broken_status (SatchelStorage *storage, const SatchelAccess *access, const char *name,
               SatchelMailboxState *ret_state, GError **error)
{
  if (settings.fault == FAULT_STATUS_ON_FAILURE)
    memset (ret_state, 0, sizeof *ret_state);
  return memory_status (storage, access, name, ret_state, error);
}

/* What was behind the data that is written stays there. */
static gboolean
broken_write_file (SatchelStorage *storage, const SatchelAccess *access, const char *name, guint64 offset,
                   GBytes *data, SatchelFileWrite how, GError **error)
{
  g_autoptr (GByteArray) rest = g_byte_array_new ();
  if (settings.fault != FAULT_FILE_KEEPS_END)
    return memory_ops->write_file (storage, access, name, offset, data, how, error);
  g_byte_array_append (rest, g_bytes_get_data (data, NULL), (guint) g_bytes_get_size (data));
  if (!memory_ops->read_file (storage, access, name, offset + g_bytes_get_size (data), 4096, rest, error))
    return FALSE;
  g_autoptr (GBytes) longer = g_byte_array_free_to_bytes (g_steal_pointer (&rest));
  return memory_ops->write_file (storage, access, name, offset, longer, how, error);
}

/* Of a long message, the byte at 64 KiB is another one. */
static SatchelStream *
broken_open_message (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                     guint32 uid, GError **error)
{
  g_autoptr (SatchelStream) stream = memory_open_message (storage, access, mailbox, uid, error);
  gint64 length = stream != NULL ? satchel_stream_length (stream, NULL) : 0;
  if (settings.fault != FAULT_WRONG_BYTES || length <= 65536)
    return g_steal_pointer (&stream);
  guint8 *bytes = g_malloc ((gsize) length);
  (void) satchel_stream_read_at (stream, 0, bytes, (gsize) length, NULL);
  bytes[65536] ^= 1;
  g_autoptr (GBytes) content = g_bytes_new_take (bytes, (gsize) length);
  return satchel_stream_new_bytes (content);
}

/* A message has attributes of the content that it had before. */
static gboolean
broken_exchange (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                 const guint32 *uids, SatchelStaged *const *staged, guint n, GError **error)
{
  const MemoryBox *box = mailbox->driver;
  MemoryMessage *message = n > 0 ? g_hash_table_lookup (box->messages, GUINT_TO_POINTER (uids[0])) : NULL;
  g_autoptr (GBytes) before =
      message != NULL && message->attributes != NULL ? g_bytes_ref (message->attributes) : NULL;
  gboolean ok = memory_ops->exchange (storage, access, mailbox, uids, staged, n, error);
  if (settings.fault != FAULT_EXCHANGE_KEEPS_ATTRIBUTES || before == NULL)
    return ok;
  g_clear_pointer (&message->attributes, g_bytes_unref);
  message->attributes = g_bytes_ref (before);
  return ok;
}

/* ---- transactions ---- */

/* Makes of an operation what the fault makes of it.  Returns the kind that it had. */
static SatchelOperationKind
change_operation (SatchelOperation *operation)
{
  const SatchelOperationKind kind = operation->kind;
  const gboolean is_flags = kind == SATCHEL_OPERATION_FLAGS, is_copy = kind == SATCHEL_OPERATION_COPY;
  if (settings.fault == FAULT_MODSEQ_STAYS && is_flags)
    operation->modseq = ((MemoryBox *) operation->mailbox->driver)->snapshot->state.highestmodseq;
  if (settings.fault == FAULT_CONDITION_IGNORED && is_flags)
    operation->unchanged_since = G_MAXUINT64;
  if (settings.fault == FAULT_COPY_FORGETS_KEYWORDS && is_copy)
    operation->clear_keywords = TRUE;
  if (settings.fault == FAULT_MOVE_KEEPS && kind == SATCHEL_OPERATION_MOVE)
    operation->kind = SATCHEL_OPERATION_COPY;
  return kind;
}

/* Leaves the message of an APPEND although its transaction failed. */
static void
keep_half (const SatchelOperation *operation)
{
  if (operation->kind != SATCHEL_OPERATION_APPEND)
    return;
  MemoryBox *box = operation->mailbox->driver;
  const SatchelStaged *staged = satchel_stage_staged (operation->stage);
  SatchelMailboxState state = box->snapshot->state;
  SatchelSnapshotBuilder *builder = satchel_snapshot_builder_new (box->snapshot);
  SatchelMessageRow row = { .uid = state.uidnext++, .modseq = state.highestmodseq, .size = staged->size };
  satchel_snapshot_builder_append (builder, &row);
  g_hash_table_insert (box->messages, GUINT_TO_POINTER (row.uid), memory_message_new (staged->driver));
  memory_box_publish (box, satchel_snapshot_builder_finish (builder, &state));
}

static void
commit_one (SatchelStorage *storage, SatchelTransaction *transaction, GError **result)
{
  const guint n = satchel_transaction_n_operations (transaction);
  g_autofree SatchelOperationKind *kinds = g_new (SatchelOperationKind, n);
  for (guint i = 0; i < n; i++)
    kinds[i] = change_operation (satchel_transaction_operation (transaction, i));
  memory_commit (storage, &transaction, 1, result);
  for (guint i = 0; i < n; i++)
    satchel_transaction_operation (transaction, i)->kind = kinds[i];
  if (*result != NULL && settings.fault == FAULT_HALF_A_BATCH)
    keep_half (satchel_transaction_operation (transaction, 0));
}

static void
broken_commit (SatchelStorage *storage, SatchelTransaction *const *transactions, guint n, GError **results)
{
  for (guint i = 0; i < n; i++)
    commit_one (storage, transactions[i], &results[i]);
}

/* ---- the module ---- */

static const SatchelConfigRow rows[] = {
  { "fault", SATCHEL_CONFIG_INTO (ENUM, Settings, fault), "none", "What the driver does wrong",
    .choices = "none|uid-again|modseq-stays|writes-on-failure|copy-forgets-keywords|half-a-batch|wrong-bytes|"
               "move-keeps|condition-ignored|tombstone-lost|usage-off|uidvalidity-again|flags-lost|status-on-"
               "failure|file-keeps-end|exchange-keeps-attributes" },
  { NULL }
};

static gboolean
configure (const SatchelConfig *section, GError **error)
{
  satchel_config_fill (section, rows, &settings);
  return TRUE;
}

const SatchelModule *
satchel_module (void)
{
  static SatchelStorageOps ops;
  static const SatchelProvides provides[] = { { SATCHEL_KIND_STORAGE_DRIVER, NULL, &ops }, { 0 } };
  static const SatchelModule module = {
    SATCHEL_MODULE_FACTS, .name = "broken",
    .version = "0.1",     .description = "Mail in memory, kept wrongly, for tests",
    .licence = "MIT",     .roles = SATCHEL_ROLE_MAIL | SATCHEL_ROLE_CLI,
    .schema = rows,       .configure = configure,
    .provides = provides,
  };
  memory_ops = memory_module ()->provides[0].ops;
  ops = *memory_ops;
  ops.open = broken_open;
  ops.create = broken_create;
  ops.email_id = broken_email_id;
  ops.vanished = broken_vanished;
  ops.usage = broken_usage;
  ops.status = broken_status;
  ops.write_file = broken_write_file;
  ops.open_message = broken_open_message;
  ops.exchange = broken_exchange;
  ops.commit = broken_commit;
  return &module;
}
