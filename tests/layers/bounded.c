/* SPDX-License-Identifier: MIT
 * Storage layer `bounded`, for tests: a user has room for 3 messages and 2500 bytes, and is over quota with
 * more.  Users called "many..." may have any number of messages.
 */
#include <satchel/module.h>
#include <satchel/storage.h>
#include <satchel/transaction.h>
#include <string.h>

#define MESSAGES 3u
#define BYTES 2500u

static gboolean
bounded_open (SatchelStorage *storage, const SatchelConfig *section, GError **error)
{
  return TRUE;
}

static guint64
messages_of (const SatchelStorage *storage)
{
  return g_str_has_prefix (storage->identity->user, "many") ? SATCHEL_UNLIMITED : MESSAGES;
}

static gboolean
bounded_limits (SatchelStorage *storage, const SatchelAccess *access, SatchelQuota *ret_limits)
{
  ret_limits->root = "Room of \"the\" user";
  ret_limits->limit = (SatchelUsage) { .bytes = BYTES, .messages = messages_of (storage) };
  return TRUE;
}

static gboolean
bounded_plan (SatchelStorage *storage, SatchelTransaction *transaction, GError **error)
{
  SatchelUsage usage, added = { 0 };
  if (!satchel_storage_usage (storage, satchel_transaction_access (transaction), NULL, NULL, &usage, error))
    return FALSE;
  for (guint i = 0; i < satchel_transaction_n_operations (transaction); i++)
    {
      const SatchelOperation *operation = satchel_transaction_operation (transaction, i);
      if (operation->kind == SATCHEL_OPERATION_APPEND)
        added = (SatchelUsage) { added.bytes + satchel_stage_size (operation->stage), added.messages + 1 };
    }
  return added.messages == 0
         || (usage.messages + added.messages <= messages_of (storage) && usage.bytes + added.bytes <= BYTES)
         || satchel_error_set (error, SATCHEL_ERROR_OVERQUOTA, "there is no room");
}

static const SatchelStorageOps bounded_ops = {
  .size = sizeof (SatchelStorageOps),
  .band = 400,
  .classes = SATCHEL_CLASS_LIST | SATCHEL_CLASS_CONTENT_IN,
  .newest_operation = SATCHEL_OPERATION_MOVE,
  .open = bounded_open,
  .limits = bounded_limits,
  .plan = bounded_plan,
};

const SatchelModule *
satchel_module (void)
{
  static const SatchelProvides provides[] = { { SATCHEL_KIND_STORAGE_LAYER, NULL, &bounded_ops }, { 0 } };
  static const SatchelModule module = {
    SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
    .name = "bounded",
    .version = "0.1",
    .description = "A storage layer with a small quota, for tests",
    .licence = "MIT",
    .roles = SATCHEL_ROLE_MAIL | SATCHEL_ROLE_CLI,
    .provides = provides,
  };
  return &module;
}
