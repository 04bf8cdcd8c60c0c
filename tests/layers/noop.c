/* SPDX-License-Identifier: MIT
 * Storage layer `noop`, for tests: intercepts every class and passes everything on, so that whatever goes through a
 * layer goes through one here.
 */
#include <satchel/module.h>
#include <satchel/storage.h>

static gboolean
noop_open (SatchelStorage *storage, const SatchelConfig *section, GError **error)
{
  return TRUE;
}

static gboolean
noop_prepare (SatchelStorage *storage, SatchelTransaction *transaction, GError **error)
{
  return TRUE;
}

static const SatchelStorageOps noop_ops = {
  .size = sizeof (SatchelStorageOps),
  .band = 500,
  .classes = SATCHEL_CLASS_CONTENT_IN | SATCHEL_CLASS_CONTENT_OUT | SATCHEL_CLASS_REMOVE | SATCHEL_CLASS_FLAGS
             | SATCHEL_CLASS_LIST | SATCHEL_CLASS_ATTRIBUTES,
  .newest_operation = SATCHEL_OPERATION_MOVE,
  .open = noop_open,
  .list = satchel_storage_list,
  .list_is_current = satchel_storage_list_is_current,
  .create = satchel_storage_create,
  .remove = satchel_storage_remove,
  .rename = satchel_storage_rename,
  .subscribe = satchel_storage_subscribe,
  .set_special_use = satchel_storage_set_special_use,
  .open_mailbox = satchel_storage_open_mailbox,
  .status = satchel_storage_status,
  .stage = satchel_storage_stage,
  .prepare = noop_prepare,
  .open_message = satchel_storage_open_message,
  .email_id = satchel_storage_email_id,
  .get_attributes = satchel_storage_get_attributes,
  .put_attributes = satchel_storage_put_attributes,
};

const SatchelModule *
satchel_module (void)
{
  static const SatchelProvides provides[] = { { SATCHEL_KIND_STORAGE_LAYER, NULL, &noop_ops }, { 0 } };
  static const SatchelModule module = {
    SATCHEL_MODULE_FACTS,
    .name = "noop",
    .version = "0.1",
    .description = "A storage layer that changes nothing, for tests",
    .licence = "MIT",
    .roles = SATCHEL_ROLE_MAIL | SATCHEL_ROLE_CLI,
    .provides = provides,
  };
  return &module;
}
