/* SPDX-License-Identifier: MIT
 * The storage layer. It counts new messages in their turn of the commit queue, and refuses them beyond the
 * limit. It sees neither content nor removals.
 */
#include "layer.h"

#include <satchel/counter.h>
#include <satchel/log.h>

SATCHEL_COUNTER (refusals, "satchel_quota_refusals_total",
                 "Messages and copies that were refused for a quota", "cause");
SATCHEL_COUNTER (crossings, "satchel_quota_warnings_total",
                 "Times that a user went beyond a percentage of a limit", "resource", "percent");

/* The layer keeps this for one store, under the write lock of that. */
typedef struct Quota
{
  /* A change that `plan` has let pass, and of which `committed` has not heard yet. */
  const SatchelTransaction *passed;
  SatchelUsage before, after, limit;
} Quota;

static GMutex limits_lock;
static QuotaLimits *limits;

void
quota_layer_set_limits (QuotaLimits *new_limits)
{
  g_mutex_lock (&limits_lock);
  QuotaLimits *old = limits;
  limits = new_limits;
  g_mutex_unlock (&limits_lock);
  g_clear_pointer (&old, quota_limits_unref);
}

/* Returns the limits in force. NULL means that the process is about to end. */
static QuotaLimits *
current_limits (void)
{
  g_mutex_lock (&limits_lock);
  QuotaLimits *current = limits != NULL ? quota_limits_ref (limits) : NULL;
  g_mutex_unlock (&limits_lock);
  return current;
}

static gboolean
quota_open (SatchelStorage *storage, const SatchelConfig *section, GError **error)
{
  storage->self = g_new0 (Quota, 1);
  return TRUE;
}

static void
quota_close (SatchelStorage *storage)
{
  g_clear_pointer (&storage->self, g_free);
}

static void
log_bad_attribute (SatchelStorage *storage, const GError *error)
{
  g_autoptr (GString) line = g_string_new ("attribute not used:");
  satchel_log_field (line, "user", storage->identity->user);
  satchel_log_field (line, "reason", error->message);
  satchel_log (SATCHEL_LOG_ERROR, "quota", "%s", line->str);
}

/* Finds the limit of a store's user. What the userdbs say counts before the settings. */
static SatchelUsage
find_limit (SatchelStorage *storage, const QuotaLimits *current)
{
  SatchelUsage limit = quota_limits_find (current, storage->identity->user);
  for (QuotaResource resource = 0; resource < QUOTA_N_RESOURCES; resource++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *text = satchel_storage_user_attribute (storage, quota_attribute_names[resource]);
      if (text != NULL && !quota_limit_set (&limit, resource, text, &error) && satchel_error_is_news (error))
        log_bad_attribute (storage, error);
    }
  return limit;
}

static gboolean
quota_limits (SatchelStorage *storage, const SatchelAccess *access, SatchelQuota *ret_limits)
{
  g_autoptr (QuotaLimits) current = current_limits ();
  ret_limits->root = "User quota";
  if (current != NULL)
    ret_limits->limit = find_limit (storage, current);
  return TRUE;
}

/* ---- a transaction ---- */

typedef struct Growth
{
  guint64 added_bytes, added_messages, removed_bytes, removed_messages;
} Growth;

static gboolean
add_operation (SatchelStorage *storage, const SatchelTransaction *transaction,
               const SatchelOperation *operation, Growth *growth, GError **error)
{
  const SatchelAccess *access = satchel_transaction_access (transaction);
  SatchelUsage usage = { 0 };
  switch (operation->kind)
    {
    case SATCHEL_OPERATION_APPEND:
      growth->added_bytes += satchel_stage_size (operation->stage);
      growth->added_messages++;
      return TRUE;
    case SATCHEL_OPERATION_COPY:
      if (!satchel_storage_usage (storage, access, operation->mailbox, &operation->uids, &usage, error))
        return FALSE;
      growth->added_bytes += usage.bytes;
      growth->added_messages += usage.messages;
      return TRUE;
    case SATCHEL_OPERATION_EXPUNGE:
      /* The message that REPLACE removes makes room for the one that it adds. Only the first removal counts,
       * since a second one may name the same messages. */
      if (operation->only_deleted || growth->removed_messages > 0)
        return TRUE;
      if (!satchel_storage_usage (storage, access, operation->mailbox, &operation->uids, &usage, error))
        return FALSE;
      growth->removed_bytes = usage.bytes;
      growth->removed_messages = usage.messages;
      return TRUE;
    case SATCHEL_OPERATION_FLAGS:
    case SATCHEL_OPERATION_MOVE:
      return TRUE;
    }
  return TRUE;
}

static gboolean
sum_growth (SatchelStorage *storage, SatchelTransaction *transaction, Growth *ret_growth, GError **error)
{
  *ret_growth = (Growth) { 0 };
  for (guint i = 0; i < satchel_transaction_n_operations (transaction); i++)
    if (!add_operation (storage, transaction, satchel_transaction_operation (transaction, i), ret_growth,
                        error))
      return FALSE;
  return TRUE;
}

static guint64
after_change (guint64 before, guint64 added, guint64 removed)
{
  guint64 left = before > removed ? before - removed : 0;
  return added > G_MAXUINT64 - left ? G_MAXUINT64 : left + added;
}

/* Says whether a change leads beyond the limit. One that adds nothing is never refused. */
static gboolean
is_over (guint64 before, guint64 after, guint64 limit)
{
  return after > before && after > limit;
}

static gboolean
is_bound (const SatchelAccess *access)
{
  return access->cause == SATCHEL_CAUSE_SESSION || access->cause == SATCHEL_CAUSE_DELIVERY;
}

static gboolean
check_growth (SatchelStorage *storage, SatchelTransaction *transaction, const QuotaLimits *current,
              SatchelUsage limit, const Growth *growth, GError **error)
{
  Quota *quota = storage->self;
  const SatchelAccess *access = satchel_transaction_access (transaction);
  SatchelUsage before = { 0 };
  if (!satchel_storage_usage (storage, access, NULL, NULL, &before, error))
    return FALSE;
  SatchelUsage after = { after_change (before.bytes, growth->added_bytes, growth->removed_bytes),
                         after_change (before.messages, growth->added_messages, growth->removed_messages) };
  SatchelUsage most =
      access->cause == SATCHEL_CAUSE_DELIVERY ? quota_limits_with_grace (current, limit) : limit;
  gboolean has_bytes = is_over (before.bytes, after.bytes, most.bytes);
  if (is_bound (access) && (has_bytes || is_over (before.messages, after.messages, most.messages)))
    {
      satchel_counter_add (&refusals, 1, satchel_cause_name (access->cause));
      return satchel_error_set (error, SATCHEL_ERROR_OVERQUOTA,
                                "over quota: the user has %" G_GUINT64_FORMAT
                                " %s, this adds %" G_GUINT64_FORMAT ", and %" G_GUINT64_FORMAT " are allowed",
                                has_bytes ? before.bytes : before.messages, has_bytes ? "bytes" : "messages",
                                has_bytes ? after.bytes - before.bytes : after.messages - before.messages,
                                has_bytes ? most.bytes : most.messages);
    }
  *quota = (Quota) { transaction, before, after, limit };
  return TRUE;
}

static gboolean
quota_plan (SatchelStorage *storage, SatchelTransaction *transaction, GError **error)
{
  Quota *quota = storage->self;
  Growth growth;
  g_autoptr (QuotaLimits) current = current_limits ();
  quota->passed = NULL;
  if (current == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE,
                              "module quota has no settings in force, since it is starting or stopping");
  SatchelUsage limit = find_limit (storage, current);
  if (limit.bytes == SATCHEL_UNLIMITED && limit.messages == SATCHEL_UNLIMITED)
    return TRUE;
  if (!sum_growth (storage, transaction, &growth, error))
    return FALSE;
  return growth.added_messages == 0 || check_growth (storage, transaction, current, limit, &growth, error);
}

/* ---- warnings ---- */

static void
warn (SatchelStorage *storage, const QuotaLimits *current, const char *resource, guint64 limit,
      guint64 before, guint64 after)
{
  guint percent = quota_limits_crossed (current, limit, before, after);
  if (percent == 0)
    return;
  g_autofree char *label = g_strdup_printf ("%u", percent);
  g_autoptr (GString) line = g_string_new ("nearly full:");
  satchel_log_field (line, "user", storage->identity->user);
  g_string_append_printf (line, " resource=%s percent=%u used=%" G_GUINT64_FORMAT " limit=%" G_GUINT64_FORMAT,
                          resource, percent, after, limit);
  satchel_log (SATCHEL_LOG_WARNING, "quota", "%s", line->str);
  satchel_counter_add (&crossings, 1, resource, label);
}

static void
quota_committed (SatchelStorage *storage, SatchelTransaction *transaction, const GError *error)
{
  Quota *quota = storage->self;
  if (quota->passed != transaction)
    return;
  quota->passed = NULL;
  g_autoptr (QuotaLimits) current = current_limits ();
  if (error != NULL || current == NULL)
    return;
  warn (storage, current, "storage", quota->limit.bytes, quota->before.bytes, quota->after.bytes);
  warn (storage, current, "messages", quota->limit.messages, quota->before.messages, quota->after.messages);
}

/* The layer stands next to the driver, so that it counts what other layers make of what a client does. */
const SatchelStorageOps quota_ops = {
  .size = sizeof quota_ops,
  .band = 100,
  .classes = SATCHEL_CLASS_CONTENT_IN | SATCHEL_CLASS_CONTENT_OUT | SATCHEL_CLASS_LIST,
  .newest_operation = SATCHEL_OPERATION_MOVE,
  .fields = SATCHEL_FIELDS_ALL,
  .open = quota_open,
  .close = quota_close,
  .plan = quota_plan,
  .committed = quota_committed,
  .limits = quota_limits,
};
