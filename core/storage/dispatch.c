/* SPDX-License-Identifier: MIT
 * Which level answers a call.  Worked out once a store and level, so that a level which does not intercept a class
 * costs nothing; then satchel_storage_NAME, how layers call down (storage.h).
 */
#include "config.h"

#include "core/runtime/job_private.h"
#include "core/storage/store_private.h"
#include "core/storage/suspects.h"

#include <satchel/log.h>

#define MUST TRUE
#define MAY FALSE
#define METHOD(name) #name, offsetof (SatchelStorageOps, name)

static const struct
{
  const char *name;
  gsize offset;
  guint classes; /* layers that intercept one of these are asked; 0: the driver only */
  gboolean is_must;
} calls[SATCHEL_N_CALLS] = {
  [SATCHEL_CALL_STAGE] = { METHOD (stage), SATCHEL_CLASS_CONTENT_IN, MUST },
  [SATCHEL_CALL_STAGE_SPOOLED] = { METHOD (stage_spooled), 0, MAY },
  [SATCHEL_CALL_STAGE_DROP] = { METHOD (stage_drop), 0, MUST },
  [SATCHEL_CALL_OPEN_MESSAGE] = { METHOD (open_message), SATCHEL_CLASS_CONTENT_OUT, MUST },
  [SATCHEL_CALL_EMAIL_ID] = { METHOD (email_id), SATCHEL_CLASS_CONTENT_OUT, MUST },
  [SATCHEL_CALL_LIST] = { METHOD (list), SATCHEL_CLASS_LIST, MUST },
  [SATCHEL_CALL_LIST_IS_CURRENT] = { METHOD (list_is_current), SATCHEL_CLASS_LIST, MAY },
  [SATCHEL_CALL_CREATE] = { METHOD (create), SATCHEL_CLASS_LIST, MUST },
  [SATCHEL_CALL_REMOVE] = { METHOD (remove), SATCHEL_CLASS_LIST | SATCHEL_CLASS_REMOVE, MUST },
  [SATCHEL_CALL_RENAME] = { METHOD (rename), SATCHEL_CLASS_LIST | SATCHEL_CLASS_REMOVE, MUST },
  [SATCHEL_CALL_SUBSCRIBE] = { METHOD (subscribe), SATCHEL_CLASS_LIST, MUST },
  [SATCHEL_CALL_SET_SPECIAL_USE] = { METHOD (set_special_use), SATCHEL_CLASS_LIST, MUST },
  [SATCHEL_CALL_STATUS] = { METHOD (status), SATCHEL_CLASS_LIST, MUST },
  [SATCHEL_CALL_OPEN_MAILBOX] = { METHOD (open_mailbox), SATCHEL_CLASS_LIST, MUST },
  [SATCHEL_CALL_CLOSE_MAILBOX] = { METHOD (close_mailbox), 0, MUST },
  [SATCHEL_CALL_GET_ATTRIBUTES] = { METHOD (get_attributes), SATCHEL_CLASS_ATTRIBUTES, MUST },
  [SATCHEL_CALL_PUT_ATTRIBUTES] = { METHOD (put_attributes), SATCHEL_CLASS_ATTRIBUTES, MUST },
  [SATCHEL_CALL_SYNC] = { METHOD (sync), 0, MUST },
  [SATCHEL_CALL_IS_CURRENT] = { METHOD (is_current), 0, MAY },
  [SATCHEL_CALL_WATCH] = { METHOD (watch), 0, MAY },
  [SATCHEL_CALL_CLAIM_RECENT] = { METHOD (claim_recent), 0, MUST },
  [SATCHEL_CALL_VANISHED] = { METHOD (vanished), 0, MUST },
  [SATCHEL_CALL_GET_METADATA] = { METHOD (get_metadata), 0, MAY },
  [SATCHEL_CALL_PUT_METADATA] = { METHOD (put_metadata), 0, MAY },
  [SATCHEL_CALL_HOLD_SYNCS] = { METHOD (hold_syncs), 0, MAY },
  [SATCHEL_CALL_FILL_DATES] = { METHOD (fill_dates), 0, MAY },
  [SATCHEL_CALL_COMMIT] = { METHOD (commit), 0, MUST },
  [SATCHEL_CALL_UNIQUE_IDS] = { METHOD (unique_ids), 0, MAY },
  [SATCHEL_CALL_PEEK_MESSAGE] = { METHOD (peek_message), SATCHEL_CLASS_CONTENT_OUT, MAY },
};

static gboolean
has_method (const SatchelStorageOps *ops, gsize offset)
{
  return ops->size >= offset + sizeof (gpointer) && *(const gpointer *) ((const char *) ops + offset) != NULL;
}

/* The first level from @from on that answers @call. */
static SatchelStorage *
find_target (SatchelStore *store, guint from, SatchelCall call)
{
  for (guint i = from; i < store->n_levels; i++)
    {
      const SatchelStorageOps *ops = store->levels[i].ops;
      gboolean is_driver = i == store->n_levels - 1;
      if (!is_driver && (ops->classes & calls[call].classes) == 0)
        continue;
      if (has_method (ops, calls[call].offset))
        return &store->levels[i];
      /* A layer that makes its own list must say itself whether that list still holds; one that changes content, what of it
       * is in memory. */
      if (!is_driver && ((call == SATCHEL_CALL_LIST_IS_CURRENT && has_method (ops, calls[SATCHEL_CALL_LIST].offset))
                         || (call == SATCHEL_CALL_PEEK_MESSAGE && has_method (ops, calls[SATCHEL_CALL_OPEN_MESSAGE].offset))))
        return NULL;
    }
  return NULL;
}

gboolean
satchel_dispatch_build (SatchelStore *store, GError **error)
{
  const SatchelStorageOps *driver = store->levels[store->n_levels - 1].ops;
  for (guint call = 0; call < SATCHEL_N_CALLS; call++)
    if (calls[call].is_must && !has_method (driver, calls[call].offset))
      return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "storage driver %s lacks method %s",
                                store->level_names[store->n_levels - 1], calls[call].name);
  store->below = g_new0 (SatchelDispatch, store->n_levels);
  store->can_link = TRUE;
  for (guint i = 0; i < store->n_levels; i++)
    {
      if (i + 1 < store->n_levels && (store->levels[i].ops->classes & SATCHEL_CLASS_CONTENT_IN) != 0)
        store->can_link = FALSE;
      for (guint call = 0; call < SATCHEL_N_CALLS; call++)
        store->below[i].target[call] = find_target (store, i + 1, call);
      store->levels[i].private_dispatch = &store->below[i];
    }
  for (guint call = 0; call < SATCHEL_N_CALLS; call++)
    store->top.target[call] = find_target (store, 0, call);
  return TRUE;
}

/* ---- how a layer calls down ---- */

static SatchelStorage *
below (SatchelStorage *storage, SatchelCall call)
{
  return ((SatchelDispatch *) storage->private_dispatch)->target[call];
}

/* What changes something is serialised also when a layer calls it on its own account, e.g. from `prepare`. */
static gboolean
end_write (SatchelStorage *storage, gboolean result)
{
  satchel_store_end_write (storage->store);
  return result;
}

static gboolean
end_list_change (SatchelStorage *storage, gboolean result)
{
  satchel_store_forget_list (storage->store);
  return end_write (storage, result);
}

SatchelWriter *
satchel_storage_stage (SatchelStorage *storage, guint64 size_hint, SatchelStaged *staged, GError **error)
{
  SatchelStorage *target = below (storage, SATCHEL_CALL_STAGE);
  return target->ops->stage (target, size_hint, staged, error);
}

gboolean
satchel_dispatch_may_pass (const SatchelStorageOps *ops)
{
  return ops->size >= offsetof (SatchelStorageOps, passes_by) + sizeof ops->passes_by && ops->passes_by;
}

SatchelStorage *
satchel_dispatch_pass_by (SatchelStorage *target, GError **error)
{
  SatchelScanCrumb message;
  if (!satchel_store_has_suspects ())
    return target;
  satchel_job_get_crumb (message.before, sizeof message.before);
  while (target->below != NULL)
    {
      const char *name = target->store->level_names[target - target->store->levels];
      if (!satchel_store_is_suspect_by (name, message.before))
        break;
      if (!satchel_dispatch_may_pass (target->ops))
        {
          satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "module %s crashed or hung on this message twice: it is not read", name);
          return NULL;
        }
      satchel_log (SATCHEL_LOG_WARNING, "storage", "user=%s message=\"%s\": layer %s is passed by, it crashed or hung on this message twice",
                   target->store->user, message.before, name);
      target = below (target, SATCHEL_CALL_OPEN_MESSAGE);
    }
  return target;
}

SatchelStream *
satchel_storage_open_message (SatchelStorage *storage, SatchelMailbox *mailbox, guint32 uid, GError **error)
{
  SatchelStorage *target = satchel_dispatch_pass_by (below (storage, SATCHEL_CALL_OPEN_MESSAGE), error);
  return target != NULL ? target->ops->open_message (target, mailbox, uid, error) : NULL;
}

gboolean
satchel_storage_email_id (SatchelStorage *storage, SatchelMailbox *mailbox, guint32 uid, guint8 ret_id[16], GError **error)
{
  SatchelStorage *target = below (storage, SATCHEL_CALL_EMAIL_ID);
  return target->ops->email_id (target, mailbox, uid, ret_id, error);
}

gboolean
satchel_storage_list (SatchelStorage *storage, GPtrArray *infos, GError **error)
{
  SatchelStorage *target = below (storage, SATCHEL_CALL_LIST);
  return target->ops->list (target, infos, error);
}

gboolean
satchel_storage_list_is_current (SatchelStorage *storage)
{
  SatchelStorage *target = below (storage, SATCHEL_CALL_LIST_IS_CURRENT);
  return target != NULL && target->ops->list_is_current (target);
}

gboolean
satchel_storage_create (SatchelStorage *storage, const char *name, guint special_use, GError **error)
{
  SatchelStorage *target = below (storage, SATCHEL_CALL_CREATE);
  satchel_store_begin_write (storage->store);
  return end_list_change (storage, target->ops->create (target, name, special_use, error));
}

gboolean
satchel_storage_remove (SatchelStorage *storage, const char *name, GError **error)
{
  SatchelStorage *target = below (storage, SATCHEL_CALL_REMOVE);
  satchel_store_begin_write (storage->store);
  return end_list_change (storage, target->ops->remove (target, name, error));
}

gboolean
satchel_storage_rename (SatchelStorage *storage, const char *from, const char *to, GError **error)
{
  SatchelStorage *target = below (storage, SATCHEL_CALL_RENAME);
  satchel_store_begin_write (storage->store);
  return end_list_change (storage, target->ops->rename (target, from, to, error));
}

gboolean
satchel_storage_subscribe (SatchelStorage *storage, const char *name, gboolean subscribe, GError **error)
{
  SatchelStorage *target = below (storage, SATCHEL_CALL_SUBSCRIBE);
  satchel_store_begin_write (storage->store);
  return end_list_change (storage, target->ops->subscribe (target, name, subscribe, error));
}

gboolean
satchel_storage_set_special_use (SatchelStorage *storage, const char *name, guint special_use, GError **error)
{
  SatchelStorage *target = below (storage, SATCHEL_CALL_SET_SPECIAL_USE);
  satchel_store_begin_write (storage->store);
  return end_list_change (storage, target->ops->set_special_use (target, name, special_use, error));
}

gboolean
satchel_storage_status (SatchelStorage *storage, const char *name, SatchelMailboxState *ret_state, GError **error)
{
  SatchelStorage *target = below (storage, SATCHEL_CALL_STATUS);
  return target->ops->status (target, name, ret_state, error);
}

SatchelMailbox *
satchel_storage_open_mailbox (SatchelStorage *storage, const char *name, GError **error)
{
  SatchelStorage *target = below (storage, SATCHEL_CALL_OPEN_MAILBOX);
  return target->ops->open_mailbox (target, name, error);
}

gboolean
satchel_storage_get_attributes (SatchelStorage *storage, SatchelMailbox *mailbox, const guint32 *uids, guint n, GBytes **ret,
                                GError **error)
{
  SatchelStorage *target = below (storage, SATCHEL_CALL_GET_ATTRIBUTES);
  return target->ops->get_attributes (target, mailbox, uids, n, ret, error);
}

gboolean
satchel_storage_put_attributes (SatchelStorage *storage, SatchelMailbox *mailbox, const guint32 *uids, guint n,
                                GBytes *const *attributes, const guint64 *sizes, GError **error)
{
  SatchelStorage *target = below (storage, SATCHEL_CALL_PUT_ATTRIBUTES);
  satchel_store_begin_write (storage->store);
  return end_write (storage, target->ops->put_attributes (target, mailbox, uids, n, attributes, sizes, error));
}

gboolean
satchel_storage_get_metadata (SatchelStorage *storage, SatchelMailbox *mailbox, guint32 uid, const char *key, GBytes **ret,
                              GError **error)
{
  SatchelStorage *target = below (storage, SATCHEL_CALL_GET_METADATA);
  if (target == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "this driver keeps no metadata of layers");
  return target->ops->get_metadata (target, mailbox, uid, key, ret, error);
}

gboolean
satchel_storage_put_metadata (SatchelStorage *storage, SatchelMailbox *mailbox, guint32 uid, const char *key, GBytes *value,
                              GError **error)
{
  SatchelStorage *target = below (storage, SATCHEL_CALL_PUT_METADATA);
  if (target == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "this driver keeps no metadata of layers");
  satchel_store_begin_write (storage->store);
  return end_write (storage, target->ops->put_metadata (target, mailbox, uid, key, value, error));
}
