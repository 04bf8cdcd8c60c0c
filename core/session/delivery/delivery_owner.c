/* SPDX-License-Identifier: MIT
 * Does the owner's part of a delivery (role mail): filters of the recipient stage, the mailbox, one
 * transaction, the log line.
 */
#include "config.h"

#include "core/storage/store/store_open.h"
#include "core/runtime/loop/job_private.h"
#include "core/session/delivery/delivery_private.h"
#include "core/storage/mailbox/suspects.h"

#include <satchel/counter.h>
#include <satchel/log.h>
#include <satchel/attributes.h>
#include <satchel/mailbox_name.h>
#include <satchel/reactor.h>
#include <string.h>

void
satchel_owner_task_free (SatchelOwnerTask *task)
{
  g_clear_pointer (&task->envelope, satchel_filter_envelope_unref);
  g_free (task->recipient);
  g_free (task->user);
  g_clear_pointer (&task->place, satchel_place_unref);
  g_free (task->detail);
  g_free (task->spool_path);
  g_clear_pointer (&task->spool_key, g_bytes_unref);
  g_clear_pointer (&task->own_memory, g_byte_array_unref);
  g_free (task->crumb);
  g_free (task->text);
  satchel_filter_run_clear (&task->run);
  g_clear_pointer (&task->attributes, g_bytes_unref);
  g_free (task);
}

SATCHEL_COUNTER (deliveries, "satchel_deliveries_total", "Deliveries to one user each that have ended",
                 "status");
SATCHEL_HISTOGRAM (delivery_time, "satchel_delivery_seconds",
                   "Time from the beginning of a message to the end of its delivery to one user");

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

/* Stages the message with the changes that a filter made for this recipient alone. */
static SatchelStage *
stage_changed (SatchelOwnerTask *task, SatchelStore *store, GError **error)
{
  g_autoptr (SatchelStage) stage = satchel_stage_new (store, task->size, error);
  g_autofree guint8 *block = g_malloc (SATCHEL_SPOOL_MEMORY_BYTES);
  guint64 offset = 0;
  gssize n = 0;
  while (stage != NULL
         && (n = satchel_stream_read_at (task->run.content, offset, block, SATCHEL_SPOOL_MEMORY_BYTES, error))
                > 0)
    {
      if (!satchel_stage_write (stage, block, (gsize) n, error))
        return NULL;
      offset += (guint64) n;
    }
  if (stage == NULL || n < 0 || !satchel_stage_finish (stage, error))
    return NULL;
  task->size = offset;
  return g_steal_pointer (&stage);
}

/* Stages the message from a sealed spool file, which cannot be linked. */
static SatchelStage *
stage_sealed (SatchelOwnerTask *task, SatchelStore *store, GError **error)
{
  g_autoptr (SatchelStream) content =
      satchel_spool_open (task->spool_path, task->is_lf, task->size, task->spool_key, error);
  return content != NULL ? satchel_stage_new_copied (store, content, task->size, task->attributes, error)
                         : NULL;
}

static SatchelStage *
stage_content (SatchelOwnerTask *task, SatchelStore *store, GError **error)
{
  if (task->run.is_changed)
    return stage_changed (task, store, error);
  if (task->memory == NULL && task->spool_key != NULL)
    return stage_sealed (task, store, error);
  if (task->memory == NULL)
    return satchel_stage_new_spooled (store, task->spool_path, task->is_lf, task->size, task->attributes,
                                      error);
  g_autoptr (SatchelStage) stage = satchel_stage_new (store, task->memory->len, error);
  if (stage == NULL || !satchel_stage_write (stage, task->memory->data, task->memory->len, error)
      || !satchel_stage_finish (stage, error))
    return NULL;
  return g_steal_pointer (&stage);
}

/* A delivery that did not end in a mailbox, as the log has it. */
typedef struct Outcome
{
  const char *what; /* the first words of the line */
  const SatchelFilterEnvelope *envelope;
  const char *user, *recipient, *reason;
  const char *filter, *text; /* which filter decided, and its words for the sender; NULL: none */
} Outcome;

static void
log_outcome (SatchelLogLevel level, const Outcome *outcome)
{
  g_autoptr (GString) line = g_string_new (outcome->what);
  satchel_log_field (line, "id", outcome->envelope->id);
  satchel_log_field (line, "user", outcome->user);
  satchel_log_field (line, "reason", outcome->reason);
  if (outcome->filter != NULL)
    satchel_log_field (line, "filter", outcome->filter);
  if (outcome->text != NULL)
    satchel_log_field (line, "text", outcome->text);
  satchel_log_field (line, "sender", outcome->envelope->sender);
  satchel_log_field (line, "recipient", outcome->recipient);
  satchel_filter_envelope_log_origin (line, outcome->envelope);
  satchel_log (level, "delivery", "%s", line->str);
}

void
satchel_delivery_log_verdict (const SatchelFilterRun *run, const char *user, const char *recipient)
{
  const char *what = run->verdict == SATCHEL_FILTER_REFUSE    ? "refused:"
                     : run->verdict == SATCHEL_FILTER_DISCARD ? "discarded:"
                                                              : "not delivered:";
  log_outcome (SATCHEL_LOG_INFO, &(Outcome) { .what = what,
                                              .envelope = run->envelope,
                                              .user = user,
                                              .recipient = recipient,
                                              .reason = "filter",
                                              .filter = run->by,
                                              .text = run->text });
}

SatchelDeliveryStatus
satchel_delivery_status_from_verdict (SatchelFilterVerdict verdict)
{
  switch (verdict)
    {
    case SATCHEL_FILTER_REFUSE:
      return SATCHEL_DELIVERY_REFUSED;
    case SATCHEL_FILTER_TEMPORARY:
      return SATCHEL_DELIVERY_TEMPORARY;
    case SATCHEL_FILTER_CONTINUE:
    case SATCHEL_FILTER_DONE:
    case SATCHEL_FILTER_DISCARD:
      break;
    }
  return SATCHEL_DELIVERY_OK;
}

/* Returns the name of the mailbox for mail to user+detail. @detail may be the name that the owner sees in the
 * mail program, the same without the prefix of the namespace, or the internal name; the first of these that
 * exists is taken, else INBOX. */
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
      g_autoptr (SatchelMailbox) mailbox =
          names[i] != NULL ? satchel_store_open_mailbox (store, names[i], NULL) : NULL;
      if (mailbox != NULL)
        found = g_strdup (names[i]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_free (names[i]);
  return found != NULL ? found : g_strdup ("INBOX");
}

/* Opens the wanted mailbox if it exists, else INBOX, so that no mail is lost for want of a folder. */
static SatchelMailbox *
open_target (SatchelStore *store, const SatchelOwnerTask *task, GError **error)
{
  const SatchelDisposition *where = &task->run.where;
  g_autofree char *special =
      where->special_use != 0 ? satchel_store_find_special_use (store, where->special_use, NULL) : NULL;
  g_autofree char *asked =
      where->mailbox != NULL ? g_strdup (where->mailbox) : mailbox_of_detail (store, task->detail);
  const char *name = special != NULL ? special : asked;
  g_autoptr (GError) local = NULL;
  SatchelMailbox *mailbox = satchel_store_open_mailbox (store, name, &local);
  if (mailbox == NULL && g_strcmp0 (name, "INBOX") != 0)
    return satchel_store_open_mailbox (store, "INBOX", error);
  if (mailbox == NULL)
    g_propagate_error (error, g_steal_pointer (&local));
  return mailbox;
}

static void
log_delivered (SatchelOwnerTask *task, SatchelMailbox *mailbox, const SatchelOperation *operation,
               GBytes *attributes)
{
  g_autofree char *name = satchel_mailbox_name (mailbox);
  g_autofree char *message_id = satchel_delivery_message_id (attributes);
  g_autofree char *uid = g_strdup_printf ("%u", g_array_index (operation->ret_uids, guint32, 0));
  g_autoptr (GString) line = g_string_new ("delivered:");
  satchel_log_field (line, "id", task->envelope->id);
  satchel_log_field (line, "message-id", message_id);
  satchel_log_field (line, "user", task->user);
  satchel_log_field (line, "mailbox", name);
  satchel_log_field (line, "uid", uid);
  g_string_append_printf (line, " size=%" G_GUINT64_FORMAT " ms=%" G_GINT64_FORMAT, task->size,
                          (g_get_monotonic_time () - task->began_us) / 1000);
  satchel_log_field (line, "sender", task->envelope->sender);
  satchel_log_field (line, "recipient", task->recipient);
  satchel_filter_envelope_log_origin (line, task->envelope);
  satchel_log (SATCHEL_LOG_INFO, "delivery", "%s", line->str);
}

/* Returns the keywords, NULL-ended; the names are borrowed. */
static const char **
keywords_of (const SatchelDisposition *where)
{
  guint n = where->keywords != NULL ? where->keywords->len : 0;
  const char **keywords = g_new0 (const char *, n + 1);
  for (guint i = 0; i < n; i++)
    keywords[i] = where->keywords->pdata[i];
  return keywords;
}

static gboolean
store_message (SatchelOwnerTask *task, GError **error)
{
  g_autoptr (SatchelStore) store =
      satchel_delivery_open_store (task->user, task->envelope->id, task->place, error);
  if (store == NULL)
    return FALSE;
  g_autoptr (SatchelStage) stage = stage_content (task, store, error);
  if (stage == NULL)
    return FALSE;
  g_autoptr (SatchelMailbox) mailbox = open_target (store, task, error);
  if (mailbox == NULL)
    return FALSE;
  GBytes *attributes = satchel_stage_attributes (stage);
  g_autoptr (GBytes) kept = attributes != NULL ? g_bytes_ref (attributes) : NULL;
  g_autofree const char **keywords = keywords_of (&task->run.where);
  g_autoptr (SatchelTransaction) transaction = satchel_transaction_new (store);
  /* That of the content, so that its file is as old as the message. */
  gint64 date = satchel_stage_internal_date (stage);
  const SatchelOperation *operation = satchel_transaction_append (
      transaction, mailbox, g_steal_pointer (&stage), task->run.where.flags, keywords, date);
  if (!satchel_transaction_commit (transaction, error))
    return FALSE;
  task->status = SATCHEL_DELIVERY_OK;
  log_delivered (task, mailbox, operation, kept);
  return TRUE;
}

/* A store that is converted meanwhile takes no more mail: the new one does. */
static gboolean
store_converted (SatchelOwnerTask *task, GError **error)
{
  g_autoptr (GError) local = NULL;
  if (store_message (task, &local))
    return TRUE;
  if (g_error_matches (local, SATCHEL_ERROR, SATCHEL_ERROR_UNAVAILABLE)
      && satchel_store_has_turned (task->user, task->place))
    return store_message (task, error);
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

static void
deliver (SatchelOwnerTask *task)
{
  g_autoptr (GError) error = NULL;
  satchel_job_crumb ("delivery %s", task->envelope->id);
  if (satchel_store_refuses_user (task->user))
    satchel_error_set (
        &error, SATCHEL_ERROR_UNAVAILABLE,
        "the mail process died several times at work for this user, who is not served for a minute");
  else if (store_converted (task, &error))
    return;
  task->status = satchel_delivery_status_from_error (error);
  log_outcome (SATCHEL_LOG_WARNING, &(Outcome) { .what = "not delivered:",
                                                 .envelope = task->envelope,
                                                 .user = task->user,
                                                 .recipient = task->recipient,
                                                 .reason = error != NULL ? error->message : "unknown" });
}

static void
run_job (gpointer data)
{
  deliver (data);
}

void
satchel_delivery_count (SatchelDeliveryStatus ended, gint64 began_us)
{
  static const char *const words[] = {
    [SATCHEL_DELIVERY_OK] = "ok",           [SATCHEL_DELIVERY_UNKNOWN] = "unknown",
    [SATCHEL_DELIVERY_REFUSED] = "refused", [SATCHEL_DELIVERY_OVERQUOTA] = "overquota",
    [SATCHEL_DELIVERY_TOO_BIG] = "too-big", [SATCHEL_DELIVERY_TEMPORARY] = "temporary",
    [SATCHEL_DELIVERY_NOSPACE] = "nospace",
  };
  guint status = (guint) ended;
  satchel_counter_add (&deliveries, 1, status < G_N_ELEMENTS (words) ? words[status] : "unknown");
  satchel_counter_observe (&delivery_time, (guint64) MAX (g_get_monotonic_time () - began_us, 0));
}

static void
end_task (gpointer data)
{
  SatchelOwnerTask *task = data;
  satchel_delivery_count (task->status, task->began_us);
  task->done (task, task->data);
}

static void
on_filtered (SatchelFilterRun *run, gpointer data)
{
  SatchelOwnerTask *task = data;
  if (run->verdict == SATCHEL_FILTER_CONTINUE)
    {
      satchel_job_submit (task->user, "delivery", run_job, end_task, task);
      return;
    }
  satchel_delivery_log_verdict (run, task->user, task->recipient);
  task->status = satchel_delivery_status_from_verdict (run->verdict);
  task->text = g_steal_pointer (&run->text);
  end_task (task);
}

static SatchelStream *
content_stream (const SatchelOwnerTask *task)
{
  if (task->memory == NULL)
    return satchel_spool_stream_new (task->spool_path, task->is_lf, task->size, task->spool_key);
  g_autoptr (GBytes) bytes = g_bytes_new (task->memory->data, task->memory->len);
  return satchel_stream_new_bytes (bytes);
}

void
satchel_owner_task_submit (SatchelOwnerTask *task)
{
  if (!satchel_filters_has (SATCHEL_FILTER_RECIPIENT))
    {
      satchel_job_submit (task->user, "delivery", run_job, end_task, task);
      return;
    }
  SatchelFilterRun *run = &task->run;
  run->stage = SATCHEL_FILTER_RECIPIENT;
  run->envelope = task->envelope;
  run->user = task->user;
  run->place = task->place;
  run->recipient = task->recipient;
  run->detail = task->detail;
  run->content = content_stream (task);
  run->crumb = g_strdup (task->crumb);
  run->done = on_filtered;
  run->data = task;
  satchel_filters_run (run);
}

char *
satchel_delivery_message_id (GBytes *attributes)
{
  char *id = attributes != NULL ? satchel_attributes_message_id (attributes) : NULL;
  return id != NULL ? id : g_strdup ("");
}
