/* SPDX-License-Identifier: MIT
 * Says which level answers a call.  Worked out once a store and level, so that a level which does
 * not intercept a class costs nothing; then satchel_storage_NAME, by which layers call down (storage.h), and
 * the core into the stack.
 */
#include "config.h"

#include "core/runtime/loop/job_private.h"
#include "core/storage/store/store_private.h"
#include "core/storage/mailbox/suspects.h"

#include <satchel/log.h>

/* storage_methods.def has these facts about a call. */
static const struct
{
  const char *name;
  gsize offset;
  guint classes; /* classes of layers that are asked; 0: the driver only */
  gboolean is_must;
  SatchelCall guard;
} calls[SATCHEL_N_CALLS] = {
#define IS_MUST TRUE
#define IS_MAY FALSE
#define STEP(name, need, turn)
#define METHOD(result, name, level, classes, need, turn, guard, ...)                                         \
  [SATCHEL_CALL_##                                                                                           \
      name] = { #name, offsetof (SatchelStorageOps, name), classes, IS_##need, SATCHEL_CALL_##guard },
#include "core/runtime/loader/storage_methods.def"
};

/* A level's number fits a byte of SatchelDispatch. */
#define LEVELS_MAX 254u

/* Every method has a row. */
enum
{
#define METHOD(...)
#define STEP(name, need, turn) STEP_##name,
#include "core/runtime/loader/storage_methods.def"
  N_STEPS
};
/* The place of one pointer before the last has hides_content. */
G_STATIC_ASSERT (offsetof (SatchelStorageOps, exchange)
                 == offsetof (SatchelStorageOps, open) + (SATCHEL_N_CALLS + N_STEPS) * sizeof (gpointer));

static gboolean
has_method (const SatchelStorageOps *ops, gsize offset)
{
  return ops->size >= offset + sizeof (gpointer) && *(const gpointer *) ((const char *) ops + offset) != NULL;
}

gboolean
satchel_ops_present_mail (const SatchelStorageOps *ops)
{
  for (guint call = 0; call < SATCHEL_N_CALLS; call++)
    if (calls[call].classes != 0 && call != SATCHEL_CALL_limits && call != SATCHEL_CALL_usage
        && has_method (ops, calls[call].offset))
      return TRUE;
  return FALSE;
}

/* Returns the first level from @from on that answers @call, as in SatchelDispatch. */
static guint8
find_target (SatchelStoreCore *store, guint from, SatchelCall call)
{
  SatchelCall guard = calls[call].guard;
  for (guint i = from; i < store->n_levels; i++)
    {
      const SatchelStorageOps *ops = store->levels[i].ops;
      gboolean is_driver = i == store->n_levels - 1;
      if (!is_driver && (ops->classes & calls[call].classes) == 0)
        continue;
      if (has_method (ops, calls[call].offset))
        return (guint8) (i + 1);
      /* A layer that makes its own list, for example, must also say itself whether that list still holds. */
      if (!is_driver && guard != SATCHEL_CALL_none && has_method (ops, calls[guard].offset))
        return 0;
    }
  return 0;
}

gboolean
satchel_dispatch_build (SatchelStoreCore *store, GError **error)
{
  const SatchelStorageOps *driver = store->levels[store->n_levels - 1].ops;
  for (guint call = 0; call < SATCHEL_N_CALLS; call++)
    if (calls[call].is_must && !has_method (driver, calls[call].offset))
      return satchel_error_set (error, SATCHEL_ERROR_CANNOT,
                                "storage driver %s lacks method %s; ask its author",
                                store->level_names[store->n_levels - 1], calls[call].name);
  if (store->n_levels > LEVELS_MAX)
    return satchel_error_set (error, SATCHEL_ERROR_CANNOT, "a stack has at most %u levels, not %u",
                              LEVELS_MAX, store->n_levels);
  store->below = g_new0 (SatchelDispatch, store->n_levels);
  for (guint i = 0; i < store->n_levels; i++)
    {
      for (guint call = 0; call < SATCHEL_N_CALLS; call++)
        store->below[i].target[call] = find_target (store, i + 1, call);
      store->levels[i].private_dispatch = &store->below[i];
    }
  for (guint call = 0; call < SATCHEL_N_CALLS; call++)
    store->top.target[call] = find_target (store, 0, call);
  store->limits_rights |= SATCHEL_TOP (store, rights) != NULL || SATCHEL_TOP (store, shown_flags) != NULL;
  store->client =
      (SatchelStorage) { .store = store, .identity = &store->identity, .private_dispatch = &store->top };
  return TRUE;
}

guint
satchel_dispatch_level_index (const SatchelStorage *level)
{
  return (guint) (level - level->store->levels);
}

const char *
satchel_dispatch_level_name (const SatchelStorage *level)
{
  return level->store->level_names[level - level->store->levels];
}

void
satchel_dispatch_check_error (const SatchelStorage *level, const char *method, GError **error)
{
  if (error != NULL && *error == NULL)
    satchel_error_set (error, SATCHEL_ERROR_IO, "module %s failed without giving a reason (%s)",
                       satchel_dispatch_level_name (level), method);
}

static SatchelStorage *
below (SatchelStorage *storage, SatchelCall call)
{
  return satchel_dispatch_target (storage->store, storage->private_dispatch, call);
}

/* storage_methods.def says the turn of each method. Methods that change something run one at a time, also
 * when a layer calls them itself, as from `plan`; after those of TURN_LIST the core reads the list of
 * mailboxes anew. */
typedef enum
{
  TURN_READ,
  TURN_WRITE,
  TURN_LIST
} Turn;

static inline void
begin_turn (SatchelStorage *storage, Turn turn)
{
  if (turn != TURN_READ)
    satchel_store_begin_write (storage->store);
}

static inline void
end_turn (SatchelStorage *storage, Turn turn)
{
  if (turn == TURN_LIST)
    satchel_store_forget_list (storage->store);
  if (turn != TURN_READ)
    satchel_store_end_write (storage->store);
}

/* Says whether the method may run now that its turn has come, since the fence may have come up meanwhile. */
static inline gboolean
may_run (SatchelStorage *storage, Turn turn, GError **error)
{
  return turn == TURN_READ || satchel_store_check_fence (storage->store, error);
}

#define STEP(name, need, turn)
#define METHOD_SPECIAL(...)
#define METHOD_VOID(result, name, level, classes, need, turn, guard, lacking, parameters, arguments)         \
  result satchel_storage_##name parameters                                                                   \
  {                                                                                                          \
    SatchelStorage *target = below (storage, SATCHEL_CALL_##name);                                           \
    if (target == NULL)                                                                                      \
      return;                                                                                                \
    begin_turn (storage, TURN_##turn);                                                                       \
    target->ops->name arguments;                                                                             \
    end_turn (storage, TURN_##turn);                                                                         \
  }
#define METHOD_QUIET(result, name, level, classes, need, turn, guard, lacking, parameters, arguments)        \
  result satchel_storage_##name parameters                                                                   \
  {                                                                                                          \
    SatchelStorage *target = below (storage, SATCHEL_CALL_##name);                                           \
    return target != NULL ? target->ops->name arguments : lacking;                                           \
  }
#define METHOD(result, name, level, classes, need, turn, guard, lacking, parameters, arguments)              \
  result satchel_storage_##name parameters                                                                   \
  {                                                                                                          \
    SatchelStorage *target = below (storage, SATCHEL_CALL_##name);                                           \
    if (target == NULL)                                                                                      \
      return lacking;                                                                                        \
    result answer = 0;                                                                                       \
    begin_turn (storage, TURN_##turn);                                                                       \
    gboolean may = may_run (storage, TURN_##turn, error);                                                    \
    if (may)                                                                                                 \
      answer = target->ops->name arguments;                                                                  \
    end_turn (storage, TURN_##turn);                                                                         \
    if (may && !answer)                                                                                      \
      satchel_dispatch_check_error (target, #name, error);                                                   \
    return answer;                                                                                           \
  }
#include "core/runtime/loader/storage_methods.def"

/* Opens a mailbox for a layer, which may ask for it under another name than that by which the core knows it:
 * the driver's is never opened twice. */
SatchelStorageMailbox *
satchel_storage_open_mailbox (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                              GError **error)
{
  SatchelStorage *target = below (storage, SATCHEL_CALL_open_mailbox);
  satchel_store_begin_write (storage->store);
  SatchelStorageMailbox *mailbox = target->below == NULL ? satchel_storage_find_mailbox (target, name) : NULL;
  if (mailbox == NULL)
    mailbox = target->ops->open_mailbox (target, access, name, error);
  satchel_store_end_write (storage->store);
  if (mailbox == NULL)
    satchel_dispatch_check_error (target, "open_mailbox", error);
  return mailbox;
}

gboolean
satchel_dispatch_may_pass (const SatchelStorageOps *ops)
{
  return ops->passes_by;
}

/* Returns @target, or what is below it if it brought a process down twice for the message of this thread's
 * breadcrumb; NULL means that the level that did it may not be passed by. */
static SatchelStorage *
pass_by (SatchelStorage *target, GError **error)
{
  SatchelScanCrumb message;
  if (!satchel_store_has_suspects ())
    return target;
  satchel_job_get_crumb (message.before, sizeof message.before);
  while (target->below != NULL)
    {
      const char *name = satchel_dispatch_level_name (target);
      if (!satchel_store_is_suspect_by (name, message.before))
        break;
      if (!satchel_dispatch_may_pass (target->ops))
        {
          satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                             "module %s crashed or hung on this message twice, so the message is not read",
                             name);
          return NULL;
        }
      satchel_log (
          SATCHEL_LOG_WARNING, "storage",
          "user=%s message=\"%s\": layer %s is left out, since it crashed or hung on this message twice",
          target->store->user, message.before, name);
      target = below (target, SATCHEL_CALL_open_message);
    }
  return target;
}

SatchelStream *
satchel_storage_open_message (SatchelStorage *storage, const SatchelAccess *access,
                              SatchelStorageMailbox *mailbox, guint32 uid, GError **error)
{
  SatchelStorage *target = pass_by (below (storage, SATCHEL_CALL_open_message), error);
  return target != NULL ? satchel_dispatch_open_at (target, access, mailbox, uid, error) : NULL;
}

SatchelStream *
satchel_dispatch_open_at (SatchelStorage *target, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                          guint32 uid, GError **error)
{
  SatchelStream *stream = target->ops->open_message (target, access, mailbox, uid, error);
  if (stream == NULL)
    satchel_dispatch_check_error (target, "open_message", error);
  return stream;
}
