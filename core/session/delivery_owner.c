/* SPDX-License-Identifier: MIT
 * The owner's part of a delivery (role mail): filters, the mailbox, one transaction, the log line.
 */
#include "config.h"

#include "core/runtime/job_private.h"
#include "core/session/delivery_internal.h"
#include "core/storage/suspects.h"

#include <satchel/counter.h>
#include <satchel/log.h>
#include <satchel/attributes.h>
#include <satchel/mailbox-name.h>
#include <satchel/reactor.h>
#include <string.h>

void
satchel_owner_task_free (SatchelOwnerTask *task)
{
  g_free (task->delivery_id);
  g_free (task->sender);
  g_free (task->recipient);
  g_free (task->user);
  g_free (task->path);
  g_free (task->detail);
  g_free (task->message_id);
  g_free (task->spool_path);
  g_clear_pointer (&task->attributes, g_bytes_unref);
  g_free (task);
}

SATCHEL_COUNTER (deliveries, "satchel_deliveries_total", "Deliveries to one user each that have ended", "status");
SATCHEL_HISTOGRAM (delivery_time, "satchel_delivery_seconds", "Time from the beginning of a message to the end of its delivery to one user");

SatchelDeliveryStatus
satchel_delivery_status_from_error (const GError *error)
{
  if (g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_OVERQUOTA))
    return SATCHEL_DELIVERY_OVERQUOTA;
  if (g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_NOSPACE))
    return SATCHEL_DELIVERY_NOSPACE;
  if (g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_LIMIT))
    return SATCHEL_DELIVERY_TOO_BIG;
  if (g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_NOPERM))
    return SATCHEL_DELIVERY_REFUSED;
  return SATCHEL_DELIVERY_TEMPORARY;
}

static SatchelStage *
stage_content (SatchelOwnerTask *task, SatchelStore *store, GError **error)
{
  if (task->memory == NULL)
    return satchel_stage_new_spooled (store, task->spool_path, task->is_lf, task->size, task->attributes, error);
  g_autoptr (SatchelStage) stage = satchel_stage_new (store, task->memory->len, error);
  if (stage == NULL || !satchel_stage_write (stage, task->memory->data, task->memory->len, error)
      || !satchel_stage_finish (stage, error))
    return NULL;
  return g_steal_pointer (&stage);
}

static SatchelStream *
content_stream (SatchelOwnerTask *task, GError **error)
{
  if (task->memory == NULL)
    return satchel_spool_open (task->spool_path, task->is_lf, task->size, error);
  g_autoptr (GBytes) bytes = g_bytes_new_static (task->memory->data, task->memory->len);
  return satchel_stream_new_bytes (bytes);
}

static void
log_outcome (const SatchelOwnerTask *task, SatchelLogLevel level, const char *what, const char *reason)
{
  g_autoptr (GString) line = g_string_new (what);
  satchel_log_field (line, "id", task->delivery_id);
  satchel_log_field (line, "user", task->user);
  satchel_log_field (line, "reason", reason);
  satchel_log_field (line, "sender", task->sender);
  satchel_log_field (line, "recipient", task->recipient);
  satchel_log (level, "delivery", "%s", line->str);
}

/* One filter, under a breadcrumb that names it and the message; passed by if it has brought a process down twice for it. */
static SatchelFilterVerdict
run_filter (const SatchelOwnerTask *task, const SatchelProvided *filter, const char *crumb, SatchelDeliveryItem *item)
{
  const SatchelDeliveryFilterOps *ops = filter->ops;
  if (satchel_store_is_suspect_by (filter->module->name, crumb))
    {
      g_autofree char *reason = g_strdup_printf ("module %s crashed or hung on it twice", filter->module->name);
      log_outcome (task, SATCHEL_LOG_WARNING, "filter passed by:", reason);
      return ops->on_error;
    }
  g_autoptr (GError) error = NULL;
  SatchelScanCrumb around;
  satchel_scan_crumb_begin (&around, crumb);
  satchel_job_call (filter->module->name, "filter");
  SatchelFilterVerdict verdict = ops->filter (item, &error);
  satchel_job_call (NULL, NULL);
  satchel_scan_crumb_end (&around);
  if (error == NULL)
    return verdict;
  g_autofree char *reason = g_strdup_printf ("module %s: %s", filter->module->name, error->message);
  log_outcome (task, SATCHEL_LOG_WARNING, "filter failed:", reason);
  return ops->on_error;
}

/* The same at each try of the sender's. */
static char *
crumb_of (const SatchelOwnerTask *task, SatchelStream *content)
{
  g_autofree guint8 *head = g_malloc (SATCHEL_SUSPECT_HEAD_BYTES);
  gssize n = satchel_stream_read_at (content, 0, head, SATCHEL_SUSPECT_HEAD_BYTES, NULL);
  return satchel_suspect_crumb (head, (gsize) MAX (n, 0), task->size);
}

/* FALSE: status says what the sender is told; nothing is stored. */
static gboolean
run_filters (SatchelOwnerTask *task, SatchelDeliveryItem *item)
{
  const SatchelProvided *const *filters = satchel_delivery_host ()->filters;
  if (filters == NULL || *filters == NULL)
    return TRUE;
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelStream) content = content_stream (task, &error);
  if (content == NULL)
    {
      task->status = SATCHEL_DELIVERY_TEMPORARY;
      return FALSE;
    }
  item->content = content;
  g_autofree char *crumb = crumb_of (task, content);
  for (; *filters != NULL; filters++)
    {
      switch (run_filter (task, *filters, crumb, item))
        {
        case SATCHEL_FILTER_CONTINUE:
          continue;
        case SATCHEL_FILTER_DONE:
          return TRUE;
        case SATCHEL_FILTER_REFUSE:
          log_outcome (task, SATCHEL_LOG_INFO, "refused:", "filter");
          task->status = SATCHEL_DELIVERY_REFUSED;
          return FALSE;
        case SATCHEL_FILTER_DISCARD:
          log_outcome (task, SATCHEL_LOG_INFO, "discarded:", "filter");
          task->status = SATCHEL_DELIVERY_OK;
          return FALSE;
        case SATCHEL_FILTER_TEMPORARY:
          log_outcome (task, SATCHEL_LOG_INFO, "not delivered:", "filter");
          task->status = SATCHEL_DELIVERY_TEMPORARY;
          return FALSE;
        }
    }
  return TRUE;
}

/* The mailbox that @detail names, as its owner sees names, without the namespace's prefix, or as storage has it; INBOX if there is none. */
static char *
mailbox_of_detail (SatchelStore *store, const char *detail)
{
  if (detail == NULL)
    return g_strdup ("INBOX");
  const SatchelNamespace *ns = satchel_namespace ();
  g_autofree char *prefixed = g_strconcat (ns->prefix, detail, NULL);
  char *names[] = { satchel_namespace_to_internal (ns, detail, strlen (detail), NULL),
                    satchel_namespace_to_internal (ns, prefixed, strlen (prefixed), NULL),
                    satchel_mailbox_name_normalise (detail, strlen (detail), NULL) };
  char *found = NULL;
  for (guint i = 0; i < G_N_ELEMENTS (names) && found == NULL; i++)
    {
      g_autoptr (SatchelMailbox) mailbox = names[i] != NULL ? satchel_store_open_mailbox (store, names[i], NULL) : NULL;
      if (mailbox != NULL)
        found = g_strdup (names[i]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_free (names[i]);
  return found != NULL ? found : g_strdup ("INBOX");
}

/* The mailbox asked for if there is one, else INBOX: mail is never lost for want of a folder. */
static SatchelMailbox *
open_target (SatchelStore *store, const SatchelDeliveryItem *item, GError **error)
{
  g_autofree char *special = item->special_use != 0 ? satchel_store_find_special_use (store, item->special_use, NULL) : NULL;
  const char *name = special != NULL ? special : item->mailbox;
  g_autoptr (GError) local = NULL;
  SatchelMailbox *mailbox = satchel_store_open_mailbox (store, name, &local);
  if (mailbox == NULL && g_strcmp0 (name, "INBOX") != 0)
    return satchel_store_open_mailbox (store, "INBOX", error);
  if (mailbox == NULL)
    g_propagate_error (error, g_steal_pointer (&local));
  return mailbox;
}

static void
log_delivered (SatchelOwnerTask *task, SatchelMailbox *mailbox, const SatchelOperation *operation, GBytes *attributes)
{
  g_autofree char *name = satchel_mailbox_name (mailbox);
  g_autofree char *message_id = satchel_delivery_message_id (attributes);
  g_autofree char *uid = g_strdup_printf ("%u", g_array_index (operation->ret_uids, guint32, 0));
  g_autoptr (GString) line = g_string_new ("delivered:");
  satchel_log_field (line, "id", task->delivery_id);
  satchel_log_field (line, "message-id", message_id);
  satchel_log_field (line, "user", task->user);
  satchel_log_field (line, "mailbox", name);
  satchel_log_field (line, "uid", uid);
  g_string_append_printf (line, " size=%" G_GUINT64_FORMAT " ms=%" G_GINT64_FORMAT, task->size,
                          (g_get_monotonic_time () - task->began_us) / 1000);
  satchel_log_field (line, "sender", task->sender);
  satchel_log_field (line, "recipient", task->recipient);
  satchel_log (SATCHEL_LOG_INFO, "delivery", "%s", line->str);
}

static SatchelStore *
open_store (const SatchelOwnerTask *task, GError **error)
{
  const SatchelAccess from = {
    .size = sizeof from,
    .cause = SATCHEL_CAUSE_DELIVERY,
    .owner = task->user,
    .session_id = task->delivery_id,
    .rights = SATCHEL_RIGHTS_ALL,
  };
  g_autoptr (SatchelAccess) access = satchel_access_new (&from);
  return satchel_delivery_host ()->acquire_store (access, task->path, error);
}

static gboolean
store_message (SatchelOwnerTask *task, GError **error)
{
  g_autoptr (SatchelStore) store = open_store (task, error);
  if (store == NULL)
    return FALSE;
  g_autoptr (SatchelStage) stage = stage_content (task, store, error);
  if (stage == NULL)
    return FALSE;
  GBytes *attributes = satchel_stage_attributes (stage);
  SatchelDeliveryItem item = { .size = sizeof item,
                               .user = task->user,
                               .sender = task->sender,
                               .recipient = task->recipient,
                               .attributes = attributes,
                               .mailbox = mailbox_of_detail (store, task->detail) };
  g_autofree char *owned = NULL;
  if (!run_filters (task, &item))
    {
      g_free (item.mailbox);
      return TRUE;
    }
  owned = item.mailbox;
  g_autoptr (SatchelMailbox) mailbox = open_target (store, &item, error);
  if (mailbox == NULL)
    return FALSE;
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  g_autoptr (GBytes) kept = attributes != NULL ? g_bytes_ref (attributes) : NULL;
  const SatchelOperation *operation
      = satchel_transaction_append (transaction, mailbox, g_steal_pointer (&stage), item.flags & SATCHEL_FLAGS_ALL, NULL,
                                    g_get_real_time () / G_USEC_PER_SEC);
  if (!satchel_transaction_commit (transaction, error))
    return FALSE;
  task->status = SATCHEL_DELIVERY_OK;
  log_delivered (task, mailbox, operation, kept);
  return TRUE;
}

static void
deliver (SatchelOwnerTask *task)
{
  g_autoptr (GError) error = NULL;
  satchel_job_crumb ("delivery %s", task->delivery_id);
  if (satchel_store_refuses_user (task->user))
    satchel_error_set (&error, SATCHEL_ERROR_UNAVAILABLE, "this process died at work for this user again and again: not served for a minute");
  else if (store_message (task, &error))
    return;
  task->status = satchel_delivery_status_from_error (error);
  log_outcome (task, SATCHEL_LOG_WARNING, "not delivered:", error != NULL ? error->message : "unknown");
}

void
satchel_owner_task_run (SatchelOwnerTask *task)
{
  static const char *const words[] = {
    [SATCHEL_DELIVERY_OK] = "ok",
    [SATCHEL_DELIVERY_UNKNOWN] = "unknown",
    [SATCHEL_DELIVERY_REFUSED] = "refused",
    [SATCHEL_DELIVERY_OVERQUOTA] = "overquota",
    [SATCHEL_DELIVERY_TOO_BIG] = "too-big",
    [SATCHEL_DELIVERY_TEMPORARY] = "temporary",
    [SATCHEL_DELIVERY_NOSPACE] = "nospace",
  };
  deliver (task);
  guint status = (guint) task->status;
  satchel_counter_add (&deliveries, 1, status < G_N_ELEMENTS (words) ? words[status] : "unknown");
  satchel_counter_observe (&delivery_time, (guint64) MAX (g_get_monotonic_time () - task->began_us, 0));
}

static void
run_job (gpointer data)
{
  satchel_owner_task_run (data);
}

static void
job_done (gpointer data)
{
  SatchelOwnerTask *task = data;
  task->done (task, task->data);
}

void
satchel_owner_task_submit (SatchelOwnerTask *task)
{
  satchel_job_submit (task->user, "delivery", run_job, job_done, task);
}

char *
satchel_delivery_message_id (GBytes *attributes)
{
  char *id = attributes != NULL ? satchel_attributes_message_id (attributes) : NULL;
  return id != NULL ? id : g_strdup ("");
}
