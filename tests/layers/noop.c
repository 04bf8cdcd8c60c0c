/* SPDX-License-Identifier: MIT
 * Storage layer `noop`, for tests: intercepts every class and passes everything on, so that whatever goes
 * through a layer goes through one here.
 */
#include <satchel/module.h>
#include <satchel/storage.h>

static gboolean
noop_open (SatchelStorage *storage, const SatchelConfig *section, GError **error)
{
  return TRUE;
}

static gboolean
noop_plan (SatchelStorage *storage, SatchelTransaction *transaction, GError **error)
{
  return TRUE;
}

static const SatchelStorageOps noop_ops = {
  .size = sizeof (SatchelStorageOps),
  .band = 500,
  .classes = SATCHEL_CLASS_CONTENT_IN | SATCHEL_CLASS_CONTENT_OUT | SATCHEL_CLASS_REMOVE | SATCHEL_CLASS_FLAGS
             | SATCHEL_CLASS_LIST | SATCHEL_CLASS_ATTRIBUTES,
  .newest_operation = SATCHEL_OPERATION_MOVE,
  .fields = SATCHEL_FIELDS_ALL,
  .open = noop_open,
  .plan = noop_plan,
#define NOOP_LAYERS(method) .method = satchel_storage_##method,
#define NOOP_DRIVER(method)
#define STEP(method, need, turn)
#define METHOD(result, method, level, ...) NOOP_##level (method)
#include "core/runtime/loader/storage_methods.def"
};

const SatchelModule *
satchel_module (void)
{
  static const SatchelProvides provides[] = { { SATCHEL_KIND_STORAGE_LAYER, NULL, &noop_ops }, { 0 } };
  static const SatchelModule module = {
    SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
    .name = "noop",
    .version = "0.1",
    .description = "A storage layer that changes nothing, for tests",
    .licence = "MIT",
    .roles = SATCHEL_ROLE_MAIL | SATCHEL_ROLE_CLI,
    .provides = provides,
  };
  return &module;
}
