/* SPDX-License-Identifier: MIT
 * The public calls of include/satchel/delivery.h (role mail): content and recipients are collected, then each
 * recipient's owner commits, here or in another mail process (SATCHEL_IPC_DELIVER).
 */
#include "config.h"

#include "core/session/delivery_internal.h"
#include "core/session/session_hold.h"

#include <satchel/hash.h>
#include <satchel/log.h>
#include <satchel/reactor.h>
#include <string.h>

enum
{
  ATTRIBUTES_IN_MESSAGE_MAX = 8192, /* bigger ones the owner computes again */
  REMOTE_TIMEOUT_MS = 120000
};

typedef struct Target
{
  SatchelDelivery *delivery;
  char *user, *path, *address, *detail;
  guint slot;
  SatchelDeliveryStatus status;
  guint64 request; /* of DELIVER; 0: none is on its way */
} Target;

struct SatchelDelivery
{
  SatchelSession *session;
  char *id, *sender;
  SatchelSpool *spool;
  GPtrArray *targets;    /* Target: each user and detail once */
  GArray *recipients;    /* GArray *: indexes of targets of each recipient */
  SatchelDeliveryFunc func;
  gpointer data;
  guint n_waiting;
  GError *error;         /* of the spool */
  gint64 began_us;       /* monotonic: its content was complete */
  SatchelTimer timer;
};

static SatchelDeliveryHost the_host;
static GHashTable *remote_targets; /* request -> Target */
static guint64 last_request;

void
satchel_delivery_init (const SatchelDeliveryHost *host)
{
  the_host = *host;
  if (remote_targets == NULL)
    remote_targets = g_hash_table_new (satchel_number64_hash, g_int64_equal);
}

const SatchelDeliveryHost *
satchel_delivery_host (void)
{
  return &the_host;
}

static void
target_free (gpointer data)
{
  Target *target = data;
  g_free (target->user);
  g_free (target->path);
  g_free (target->address);
  g_free (target->detail);
  g_free (target);
}

/* Unique over processes and restarts: time, slot, count. */
static char *
new_id (void)
{
  static guint count;
  return g_strdup_printf ("%" G_GINT64_MODIFIER "x%02x%x", g_get_real_time (), the_host.slot & 0xff, ++count & 0xffff);
}

SatchelDelivery *
satchel_delivery_new (SatchelSession *session, const char *sender, guint64 size_hint)
{
  (void)size_hint;
  SatchelDelivery *delivery = g_new0 (SatchelDelivery, 1);
  delivery->session = session;
  delivery->id = new_id ();
  delivery->sender = g_strdup (sender);
  delivery->spool = satchel_spool_new (delivery->id);
  delivery->targets = g_ptr_array_new_with_free_func (target_free);
  delivery->recipients = g_array_new (FALSE, FALSE, sizeof (GArray *));
  return delivery;
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
  g_clear_error (&delivery->error);
  g_free (delivery->id);
  g_free (delivery->sender);
  g_free (delivery);
}

const char *
satchel_delivery_id (SatchelDelivery *delivery)
{
  return delivery->id;
}

static guint
add_target (SatchelDelivery *delivery, const SatchelRoutedRecipient *routed, guint index)
{
  const SatchelRecipient *recipient = &routed->recipient;
  for (guint i = 0; i < delivery->targets->len; i++)
    {
      const Target *target = g_ptr_array_index (delivery->targets, i);
      if (strcmp (target->user, recipient->users[index]) == 0 && g_strcmp0 (target->detail, recipient->detail) == 0)
        return i;
    }
  Target *target = g_new0 (Target, 1);
  target->delivery = delivery;
  target->user = g_strdup (recipient->users[index]);
  target->path = g_strdup (routed->paths[index]);
  target->slot = routed->slots[index];
  target->address = g_strdup (recipient->address);
  target->detail = g_strdup (recipient->detail);
  target->status = SATCHEL_DELIVERY_TEMPORARY;
  g_ptr_array_add (delivery->targets, target);
  return delivery->targets->len - 1;
}

void
satchel_delivery_add_recipient (SatchelDelivery *delivery, const SatchelRecipient *recipient)
{
  g_return_if_fail (recipient->status == SATCHEL_DELIVERY_OK);
  const SatchelRoutedRecipient *routed = (const SatchelRoutedRecipient *)recipient;
  GArray *indexes = g_array_new (FALSE, FALSE, sizeof (guint));
  for (guint i = 0; recipient->users[i] != NULL; i++)
    {
      guint target = add_target (delivery, routed, i);
      g_array_append_val (indexes, target);
    }
  g_array_append_val (delivery->recipients, indexes);
}

gboolean
satchel_delivery_write (SatchelDelivery *delivery, const void *data, gsize len, GError **error)
{
  return satchel_spool_write (delivery->spool, data, len, error);
}

/* All owners have answered. */
static void
finish (SatchelDelivery *delivery)
{
  satchel_timer_cancel (&delivery->timer);
  SatchelSession *session = delivery->session;
  g_autofree SatchelDeliveryStatus *statuses = g_new0 (SatchelDeliveryStatus, delivery->recipients->len + 1);
  for (guint i = 0; i < delivery->recipients->len; i++)
    {
      const GArray *indexes = g_array_index (delivery->recipients, GArray *, i);
      for (guint k = 0; k < indexes->len; k++)
        {
          const Target *target = g_ptr_array_index (delivery->targets, g_array_index (indexes, guint, k));
          if (target->status != SATCHEL_DELIVERY_OK)
            statuses[i] = target->status;
        }
    }
  delivery->func (delivery, statuses, delivery->recipients->len, delivery->data);
  satchel_session_unhold (session);
}

static void
target_answered (Target *target, SatchelDeliveryStatus status)
{
  SatchelDelivery *delivery = target->delivery;
  if (target->request != 0)
    g_hash_table_remove (remote_targets, &target->request);
  target->request = 0;
  target->status = status;
  if (--delivery->n_waiting == 0)
    finish (delivery);
}

static void
on_owner_done (SatchelOwnerTask *task, gpointer data)
{
  SatchelDeliveryStatus status = task->status;
  satchel_owner_task_free (task);
  target_answered (data, status);
}

static void
deliver_here (Target *target, gboolean from_memory)
{
  SatchelDelivery *delivery = target->delivery;
  SatchelOwnerTask *task = g_new0 (SatchelOwnerTask, 1);
  task->delivery_id = g_strdup (delivery->id);
  task->sender = g_strdup (delivery->sender);
  task->recipient = g_strdup (target->address);
  task->user = g_strdup (target->user);
  task->path = g_strdup (target->path);
  task->detail = g_strdup (target->detail);
  if (from_memory)
    task->memory = satchel_spool_memory (delivery->spool);
  else
    {
      task->spool_path = g_strdup (satchel_spool_path (delivery->spool));
      task->is_lf = satchel_spool_is_lf (delivery->spool);
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

static gboolean
deliver_there (Target *target)
{
  SatchelDelivery *delivery = target->delivery;
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_DELIVER, 0);
  target->request = ++last_request;
  satchel_ipc_put_u64 (message, target->request);
  satchel_ipc_put_string (message, delivery->id);
  satchel_ipc_put_string (message, satchel_spool_path (delivery->spool));
  satchel_ipc_put_u32 (message, satchel_spool_is_lf (delivery->spool));
  satchel_ipc_put_u64 (message, satchel_spool_size (delivery->spool));
  satchel_ipc_put_u64 (message, (guint64)delivery->began_us);
  satchel_ipc_put_string (message, delivery->sender);
  satchel_ipc_put_string (message, target->address);
  satchel_ipc_put_string (message, target->user);
  satchel_ipc_put_string (message, target->path);
  satchel_ipc_put_string (message, target->detail);
  gsize len = 0;
  GBytes *attributes = satchel_spool_attributes (delivery->spool, NULL);
  const void *blob = attributes != NULL ? g_bytes_get_data (attributes, &len) : NULL;
  satchel_ipc_put_bytes (message, blob, len <= ATTRIBUTES_IN_MESSAGE_MAX ? len : 0);
  g_hash_table_insert (remote_targets, &target->request, target);
  if (the_host.send_to_mail (target->slot, message))
    return TRUE;
  g_hash_table_remove (remote_targets, &target->request);
  target->request = 0;
  return FALSE;
}

static void
on_remote_timeout (SatchelTimer *timer, gpointer data)
{
  (void)timer;
  SatchelDelivery *delivery = data;
  /* The last answer finishes, and may free, the delivery. */
  g_autoptr (GPtrArray) late = g_ptr_array_new ();
  for (guint i = 0; i < delivery->targets->len; i++)
    if (((Target *)g_ptr_array_index (delivery->targets, i))->request != 0)
      g_ptr_array_add (late, g_ptr_array_index (delivery->targets, i));
  for (guint i = 0; i < late->len; i++)
    target_answered (g_ptr_array_index (late, i), SATCHEL_DELIVERY_TEMPORARY);
}

static void
dispatch (SatchelDelivery *delivery, gboolean from_memory)
{
  /* One more than there are, so that early failures cannot finish it in the loop. */
  delivery->n_waiting = delivery->targets->len + 1;
  gboolean any_remote = FALSE;
  for (guint i = 0; i < delivery->targets->len; i++)
    {
      Target *target = g_ptr_array_index (delivery->targets, i);
      if (target->slot == the_host.slot)
        deliver_here (target, from_memory);
      else if (deliver_there (target))
        any_remote = TRUE;
      else
        target_answered (target, SATCHEL_DELIVERY_TEMPORARY);
    }
  if (any_remote)
    satchel_timer_arm (&delivery->timer, REMOTE_TIMEOUT_MS, on_remote_timeout, delivery);
  if (--delivery->n_waiting == 0)
    finish (delivery);
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
  SatchelDelivery *delivery = data;
  if (delivery->error == NULL)
    {
      dispatch (delivery, FALSE);
      return;
    }
  satchel_log (SATCHEL_LOG_WARNING, "delivery", "not spooled: id=%s: %s", delivery->id, delivery->error->message);
  for (guint i = 0; i < delivery->targets->len; i++)
    ((Target *)g_ptr_array_index (delivery->targets, i))->status = satchel_delivery_status_from_error (delivery->error);
  finish (delivery);
}

void
satchel_delivery_finish (SatchelDelivery *delivery, SatchelDeliveryFunc func, gpointer data)
{
  delivery->func = func;
  delivery->data = data;
  delivery->began_us = g_get_monotonic_time ();
  satchel_session_hold (delivery->session);
  const Target *only = delivery->targets->len == 1 ? g_ptr_array_index (delivery->targets, 0) : NULL;
  /* The usual case: small, one user, ours: straight into the store. */
  if (only != NULL && only->slot == the_host.slot && satchel_spool_memory (delivery->spool) != NULL)
    dispatch (delivery, TRUE);
  else
    satchel_job_submit (NULL, "delivery spool", spool_job, spool_job_done, delivery);
}

/* ---- as the owner, asked by another mail process ---- */

typedef struct RemoteAsker
{
  guint slot;
  guint64 request;
} RemoteAsker;

static void
on_asked_task_done (SatchelOwnerTask *task, gpointer data)
{
  g_autofree RemoteAsker *asker = data;
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_DELIVER_REPLY, 0);
  satchel_ipc_put_u64 (message, asker->request);
  satchel_ipc_put_u32 (message, task->status);
  the_host.send_to_mail (asker->slot, message); /* it is gone: the MTA tries again */
  satchel_owner_task_free (task);
}

static gboolean
on_deliver (guint slot, SatchelIpcMessage *message)
{
  SatchelOwnerTask *task = g_new0 (SatchelOwnerTask, 1);
  guint64 request = satchel_ipc_get_u64 (message);
  task->delivery_id = g_strdup (satchel_ipc_get_string (message));
  task->spool_path = g_strdup (satchel_ipc_get_string (message));
  task->is_lf = satchel_ipc_get_u32 (message) != 0;
  task->size = satchel_ipc_get_u64 (message);
  task->began_us = (gint64)satchel_ipc_get_u64 (message);
  task->sender = g_strdup (satchel_ipc_get_string (message));
  task->recipient = g_strdup (satchel_ipc_get_string (message));
  task->user = g_strdup (satchel_ipc_get_string (message));
  task->path = g_strdup (satchel_ipc_get_string (message));
  const char *detail = satchel_ipc_get_string (message);
  task->detail = *detail != '\0' ? g_strdup (detail) : NULL;
  gsize len;
  const guint8 *blob = satchel_ipc_get_bytes (message, &len);
  task->attributes = len > 0 ? g_bytes_new (blob, len) : NULL;
  task->status = SATCHEL_DELIVERY_TEMPORARY;
  if (!satchel_ipc_message_is_done (message) || !satchel_spool_is_path (task->spool_path))
    {
      satchel_owner_task_free (task);
      return FALSE;
    }
  RemoteAsker *asker = g_new0 (RemoteAsker, 1);
  asker->slot = slot;
  asker->request = request;
  task->done = on_asked_task_done;
  task->data = asker;
  satchel_owner_task_submit (task);
  return TRUE;
}

static gboolean
on_deliver_reply (guint slot, SatchelIpcMessage *message)
{
  guint64 request = satchel_ipc_get_u64 (message);
  guint32 status = satchel_ipc_get_u32 (message);
  if (!satchel_ipc_message_is_done (message) || status > SATCHEL_DELIVERY_NOSPACE)
    return FALSE;
  Target *target = g_hash_table_lookup (remote_targets, &request);
  if (target != NULL && target->slot == slot)
    target_answered (target, status);
  return TRUE;
}

gboolean
satchel_delivery_mail_message (guint slot, SatchelIpcMessage *message)
{
  if (message->type == SATCHEL_IPC_DELIVER)
    return on_deliver (slot, message);
  if (message->type == SATCHEL_IPC_DELIVER_REPLY)
    return on_deliver_reply (slot, message);
  return FALSE;
}

void
satchel_delivery_mail_lost (guint slot)
{
  g_autoptr (GPtrArray) lost = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, remote_targets);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (((Target *)value)->slot == slot)
      g_ptr_array_add (lost, value);
  for (guint i = 0; i < lost->len; i++)
    target_answered (g_ptr_array_index (lost, i), SATCHEL_DELIVERY_TEMPORARY);
}
