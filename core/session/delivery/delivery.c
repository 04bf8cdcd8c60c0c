/* SPDX-License-Identifier: MIT
 * The public calls of include/satchel/delivery.h (role mail): content and recipients are collected, filters
 * of the message stage are asked, then each recipient's owner commits, here or in another mail process
 * (delivery_remote.c).
 */
#include "config.h"

#include "core/session/mail/mail_private.h"
#include "core/session/delivery/delivery_target.h"

#include <satchel/log.h>
#include <string.h>

#define CLIENT_NAME_BYTES 255

void
satchel_delivery_init (const SatchelDeliveryHost *host)
{
  satchel_delivery_set_host (host);
  satchel_delivery_remote_init ();
}

static void
target_free (gpointer data)
{
  SatchelTarget *target = data;
  g_free (target->user);
  satchel_place_unref (target->place);
  g_free (target->address);
  g_free (target->detail);
  g_free (target->text);
  g_free (target);
}

/* Makes an id that is unique over processes and restarts: time, slot, count. */
static char *
new_id (void)
{
  static guint count;
  return g_strdup_printf ("%" G_GINT64_MODIFIER "x%02x%x", g_get_real_time (),
                          satchel_delivery_host ()->slot & 0xff, ++count & 0xffff);
}

SatchelDelivery *
satchel_delivery_new (SatchelSession *session, const char *sender)
{
  SatchelDelivery *delivery = g_new0 (SatchelDelivery, 1);
  delivery->session = session;
  delivery->id = new_id ();
  delivery->sender = g_strdup (sender);
  delivery->spool = satchel_spool_new (delivery->id, satchel_stores_hide_content ());
  delivery->targets = g_ptr_array_new_with_free_func (target_free);
  delivery->recipients = g_array_new (FALSE, FALSE, sizeof (GArray *));
  delivery->addresses = g_ptr_array_new_with_free_func (g_free);
  return delivery;
}

void
satchel_delivery_set_client_name (SatchelDelivery *delivery, const char *name)
{
  g_free (delivery->client_name);
  delivery->client_name = g_strndup (name, CLIENT_NAME_BYTES);
}

void
satchel_delivery_set_origin (SatchelDelivery *delivery, const SatchelOrigin *origin)
{
  satchel_origin_free (delivery->origin);
  delivery->origin = satchel_origin_copy (origin);
}

void
satchel_delivery_free (SatchelDelivery *delivery)
{
  satchel_timer_cancel (&delivery->timer);
  satchel_spool_free (delivery->spool);
  for (guint i = 0; i < delivery->recipients->len; i++)
    g_array_unref (g_array_index (delivery->recipients, GArray *, i));
  g_array_unref (delivery->recipients);
  g_ptr_array_unref (delivery->targets);
  g_ptr_array_unref (delivery->addresses);
  satchel_filter_run_clear (&delivery->run);
  g_clear_pointer (&delivery->envelope, satchel_filter_envelope_unref);
  g_clear_error (&delivery->error);
  g_free (delivery->id);
  g_free (delivery->sender);
  g_free (delivery->client_name);
  satchel_origin_free (delivery->origin);
  g_free (delivery);
}

const char *
satchel_delivery_id (SatchelDelivery *delivery)
{
  return delivery->id;
}

gboolean
satchel_delivery_write (SatchelDelivery *delivery, const void *data, gsize len, GError **error)
{
  return satchel_spool_write (delivery->spool, data, len, error);
}

/* Returns the target that decides a recipient's status, which is the last one of its users that failed; NULL
 * means that none failed. */
static const SatchelTarget *
failed_target (const SatchelDelivery *delivery, guint recipient)
{
  const GArray *indexes = g_array_index (delivery->recipients, GArray *, recipient);
  const SatchelTarget *failed = NULL;
  for (guint k = 0; k < indexes->len; k++)
    {
      const SatchelTarget *target = g_ptr_array_index (delivery->targets, g_array_index (indexes, guint, k));
      if (target->status != SATCHEL_DELIVERY_OK)
        failed = target;
    }
  return failed;
}

const char *
satchel_delivery_text (SatchelDelivery *delivery, guint recipient)
{
  g_return_val_if_fail (recipient < delivery->recipients->len, NULL);
  const SatchelTarget *failed = failed_target (delivery, recipient);
  return failed != NULL ? failed->text : NULL;
}

/* Ends a delivery when all owners have answered. */
static void
finish_delivery (SatchelDelivery *delivery)
{
  satchel_timer_cancel (&delivery->timer);
  SatchelSession *session = delivery->session;
  g_autofree SatchelDeliveryStatus *statuses = g_new0 (SatchelDeliveryStatus, delivery->recipients->len + 1);
  for (guint i = 0; i < delivery->recipients->len; i++)
    {
      const SatchelTarget *failed = failed_target (delivery, i);
      statuses[i] = failed != NULL ? failed->status : SATCHEL_DELIVERY_OK;
    }
  delivery->func (delivery, statuses, delivery->recipients->len, delivery->data);
  if (session != NULL)
    satchel_session_unhold (session);
}

static void
take_answer (SatchelTarget *target, SatchelDeliveryStatus status, char *text)
{
  SatchelDelivery *delivery = target->delivery;
  target->status = status;
  g_free (target->text);
  target->text = text;
  if (--delivery->n_waiting == 0)
    finish_delivery (delivery);
}

static guint
add_target (SatchelDelivery *delivery, const SatchelRoutedRecipient *routed, guint index)
{
  const SatchelRecipient *recipient = &routed->recipient;
  for (guint i = 0; i < delivery->targets->len; i++)
    {
      const SatchelTarget *target = g_ptr_array_index (delivery->targets, i);
      if (strcmp (target->user, recipient->users[index]) == 0
          && g_strcmp0 (target->detail, recipient->detail) == 0)
        return i;
    }
  SatchelTarget *target = g_new0 (SatchelTarget, 1);
  target->delivery = delivery;
  target->user = g_strdup (recipient->users[index]);
  target->place = satchel_place_ref (routed->places[index]);
  target->slot = routed->slots[index];
  target->address = g_strdup (recipient->address);
  target->detail = g_strdup (recipient->detail);
  target->status = SATCHEL_DELIVERY_TEMPORARY;
  target->answered = take_answer;
  g_ptr_array_add (delivery->targets, target);
  return delivery->targets->len - 1;
}

void
satchel_delivery_add_recipient (SatchelDelivery *delivery, const SatchelRecipient *recipient)
{
  g_return_if_fail (recipient->status == SATCHEL_DELIVERY_OK);
  const SatchelRoutedRecipient *routed = (const SatchelRoutedRecipient *) recipient;
  GArray *indexes = g_array_new (FALSE, FALSE, sizeof (guint));
  for (guint i = 0; recipient->users[i] != NULL; i++)
    {
      guint target = add_target (delivery, routed, i);
      g_array_append_val (indexes, target);
    }
  g_array_append_val (delivery->recipients, indexes);
  g_ptr_array_add (delivery->addresses, g_strdup (recipient->address));
}

static void
on_owner_done (SatchelOwnerTask *task, gpointer data)
{
  SatchelDeliveryStatus status = task->status;
  char *text = g_steal_pointer (&task->text);
  satchel_owner_task_free (task);
  take_answer (data, status, text);
}

static void
deliver_here (SatchelTarget *target, gboolean from_memory)
{
  SatchelDelivery *delivery = target->delivery;
  SatchelOwnerTask *task = g_new0 (SatchelOwnerTask, 1);
  task->envelope = satchel_filter_envelope_ref (delivery->envelope);
  task->recipient = g_strdup (target->address);
  task->user = g_strdup (target->user);
  task->place = satchel_place_ref (target->place);
  task->detail = g_strdup (target->detail);
  task->crumb = g_strdup (delivery->run.crumb);
  satchel_disposition_merge (&task->run.where, &delivery->run.where);
  if (from_memory)
    task->memory = satchel_spool_memory (delivery->spool);
  else
    {
      task->spool_path = g_strdup (satchel_spool_path (delivery->spool));
      task->is_lf = satchel_spool_is_lf (delivery->spool);
      GBytes *key = satchel_spool_key (delivery->spool);
      task->spool_key = key != NULL ? g_bytes_ref (key) : NULL;
      GBytes *attributes = satchel_spool_attributes (delivery->spool, NULL);
      task->attributes = attributes != NULL ? g_bytes_ref (attributes) : NULL;
    }
  task->size = satchel_spool_size (delivery->spool);
  task->began_us = delivery->began_us;
  task->status = SATCHEL_DELIVERY_TEMPORARY;
  task->done = on_owner_done;
  task->data = target;
  satchel_owner_task_submit (task);
}

static void
dispatch (SatchelDelivery *delivery, gboolean from_memory)
{
  /* The count is one higher than the number of targets, so that early failures cannot finish the delivery in
   * the loop. */
  delivery->n_waiting = delivery->targets->len + 1;
  gboolean any_remote = FALSE;
  for (guint i = 0; i < delivery->targets->len; i++)
    {
      SatchelTarget *target = g_ptr_array_index (delivery->targets, i);
      if (target->slot == satchel_delivery_host ()->slot)
        deliver_here (target, from_memory);
      else if (satchel_target_send (target))
        any_remote = TRUE;
      else
        take_answer (target, SATCHEL_DELIVERY_TEMPORARY, NULL);
    }
  if (any_remote)
    satchel_delivery_arm_timeout (delivery);
  if (--delivery->n_waiting == 0)
    finish_delivery (delivery);
}

/* Gives all recipients the same status, since none of them gets the message. */
static void
settle_all (SatchelDelivery *delivery, SatchelDeliveryStatus status, const char *text)
{
  for (guint i = 0; i < delivery->targets->len; i++)
    {
      SatchelTarget *target = g_ptr_array_index (delivery->targets, i);
      target->status = status;
      target->text = g_strdup (text);
      satchel_delivery_count (status, delivery->began_us);
    }
  finish_delivery (delivery);
}

/* Says whether there is a spool to deliver. FALSE means that it failed, and that all recipients have their
 * answer. */
static gboolean
has_spool (SatchelDelivery *delivery)
{
  if (delivery->error == NULL)
    return TRUE;
  satchel_log (SATCHEL_LOG_WARNING, "delivery", "not spooled: id=%s: %s", delivery->id,
               delivery->error->message);
  settle_all (delivery, satchel_delivery_status_from_error (delivery->error), NULL);
  return FALSE;
}

static void
spool_job (gpointer data)
{
  SatchelDelivery *delivery = data;
  satchel_job_crumb ("delivery %s", delivery->id);
  if (satchel_spool_sync (delivery->spool, &delivery->error))
    satchel_spool_attributes (delivery->spool, &delivery->error);
}

static void
spool_job_done (gpointer data)
{
  if (has_spool (data))
    dispatch (data, FALSE);
}

/* Stores the content as filters have changed it. */
static void
store_content (SatchelDelivery *delivery)
{
  SatchelTarget *only = delivery->targets->len == 1 ? g_ptr_array_index (delivery->targets, 0) : NULL;
  /* In the usual case the message is small and for one user, so it goes straight into the store, or to the
   * user's process. */
  if (only != NULL && satchel_spool_memory (delivery->spool) != NULL
      && (only->slot == satchel_delivery_host ()->slot || satchel_target_fits (only)))
    dispatch (delivery, TRUE);
  else
    satchel_job_submit (NULL, "delivery spool", spool_job, spool_job_done, delivery);
}

static void
replace_job (gpointer data)
{
  SatchelDelivery *delivery = data;
  satchel_job_crumb ("delivery %s", delivery->id);
  satchel_spool_replace (&delivery->spool, delivery->run.content, &delivery->error);
}

static void
replace_job_done (gpointer data)
{
  if (has_spool (data))
    store_content (data);
}

static void
log_settled (const SatchelDelivery *delivery)
{
  for (guint i = 0; i < delivery->targets->len; i++)
    {
      const SatchelTarget *target = g_ptr_array_index (delivery->targets, i);
      satchel_delivery_log_verdict (&delivery->run, target->user, target->address);
    }
}

static void
on_filtered (SatchelFilterRun *run, gpointer data)
{
  SatchelDelivery *delivery = data;
  if (run->verdict != SATCHEL_FILTER_CONTINUE)
    {
      log_settled (delivery);
      settle_all (delivery, satchel_delivery_status_from_verdict (run->verdict), run->text);
    }
  else if (run->is_changed)
    satchel_job_submit (NULL, "delivery spool", replace_job, replace_job_done, delivery);
  else
    store_content (delivery);
}

static void
start_filters (gpointer data)
{
  SatchelDelivery *delivery = data;
  SatchelFilterRun *run = &delivery->run;
  if (!has_spool (delivery))
    return;
  run->stage = SATCHEL_FILTER_MESSAGE;
  run->envelope = delivery->envelope;
  run->content = satchel_spool_content (delivery->spool);
  run->done = on_filtered;
  run->data = delivery;
  satchel_filters_run (run);
}

static void
end_job (gpointer data)
{
  SatchelDelivery *delivery = data;
  satchel_job_crumb ("delivery %s", delivery->id);
  satchel_spool_end (delivery->spool, &delivery->error);
}

static SatchelFilterEnvelope *
new_envelope (SatchelDelivery *delivery)
{
  SatchelFilterEnvelope *envelope = g_atomic_rc_box_new0 (SatchelFilterEnvelope);
  envelope->id = g_strdup (delivery->id);
  envelope->sender = g_strdup (delivery->sender);
  SatchelSession *session = delivery->session;
  envelope->client_address = g_strdup (session != NULL ? satchel_session_peer (session) : "local");
  envelope->client_name = g_strdup (delivery->client_name != NULL ? delivery->client_name : "");
  envelope->client_user = g_strdup (session != NULL ? satchel_session_user (session) : NULL);
  envelope->tls = g_strdup (session != NULL ? satchel_session_tls_info (session) : "");
  envelope->origin = g_steal_pointer (&delivery->origin);
  envelope->n_recipients = delivery->addresses->len;
  char **recipients = g_new0 (char *, delivery->addresses->len + 1);
  for (guint i = 0; i < delivery->addresses->len; i++)
    recipients[i] = g_strdup (delivery->addresses->pdata[i]);
  satchel_filter_envelope_set_recipients (envelope, recipients);
  return envelope;
}

void
satchel_delivery_finish (SatchelDelivery *delivery, SatchelDeliveryFunc func, gpointer data)
{
  delivery->func = func;
  delivery->data = data;
  delivery->began_us = g_get_monotonic_time ();
  delivery->envelope = new_envelope (delivery);
  if (delivery->session != NULL)
    satchel_session_hold (delivery->session);
  if (!satchel_filters_has (SATCHEL_FILTER_MESSAGE))
    store_content (delivery);
  else if (satchel_spool_memory (delivery->spool) != NULL)
    start_filters (delivery);
  else
    satchel_job_submit (NULL, "delivery spool", end_job, start_filters, delivery);
}
