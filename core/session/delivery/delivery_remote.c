/* SPDX-License-Identifier: MIT
 * Sends deliveries to users of other mail processes, and takes theirs (role mail, main thread): DELIVER
 * and its answer.
 */
#include "config.h"

#include "core/session/delivery/delivery_target.h"
#include "core/session/delivery/spool_seal.h"

#include <satchel/hash.h>
#include <satchel/keywords.h>
#include <satchel/snapshot.h>
#include <string.h>

enum
{
  /* The owner computes larger ones again, and those for which the message has no room. */
  ATTRIBUTES_IN_MESSAGE_MAX = 8192,
  MESSAGE_SLACK_BYTES = 64,
  OWNER_TIMEOUT_MS = 120000 /* beyond the time that filters may take */
};

static GHashTable *remote_targets; /* request -> SatchelTarget */
static guint64 last_request;
static guint n_asked; /* tasks for other mail processes */

void
satchel_delivery_remote_init (void)
{
  if (remote_targets == NULL)
    remote_targets = g_hash_table_new (satchel_number64_hash, g_int64_equal);
}

static void
put_notes (SatchelIpcMessage *message, const GPtrArray *notes)
{
  guint n = notes != NULL ? notes->len : 0;
  satchel_ipc_put_u32 (message, n);
  for (guint i = 0; i < n; i++)
    satchel_ipc_put_string (message, notes->pdata[i]);
}

static void
put_disposition (SatchelIpcMessage *message, const SatchelDisposition *where)
{
  guint n = where->keywords != NULL ? where->keywords->len : 0;
  satchel_ipc_put_u32 (message, where->flags);
  satchel_ipc_put_u32 (message, where->special_use);
  satchel_ipc_put_string (message, where->mailbox);
  satchel_ipc_put_u32 (message, n);
  for (guint i = 0; i < n; i++)
    satchel_ipc_put_string (message, where->keywords->pdata[i]);
  put_notes (message, where->notes);
}

/* Filters of the recipient stage ask for them, if there are any. */
static void
put_recipients (SatchelIpcMessage *message, const SatchelFilterEnvelope *envelope)
{
  guint n = satchel_filters_has (SATCHEL_FILTER_RECIPIENT) ? g_strv_length (envelope->first_recipients) : 0;
  satchel_ipc_put_u32 (message, envelope->n_recipients);
  satchel_ipc_put_u32 (message, n);
  for (guint i = 0; i < n; i++)
    satchel_ipc_put_string (message, envelope->first_recipients[i]);
}

static void
put_envelope (SatchelIpcMessage *message, const SatchelFilterEnvelope *envelope)
{
  satchel_ipc_put_string (message, envelope->id);
  satchel_ipc_put_string (message, envelope->sender);
  satchel_ipc_put_string (message, envelope->client_address);
  satchel_ipc_put_string (message, envelope->client_name);
  satchel_ipc_put_string (message, envelope->client_user);
  satchel_ipc_put_string (message, envelope->tls);
  satchel_origin_put (message, envelope->origin);
  put_recipients (message, envelope);
}

/* Puts the key of a sealed spool file, or none. */
static void
put_key (SatchelIpcMessage *message, GBytes *key)
{
  gsize len = 0;
  const void *bytes = key != NULL ? g_bytes_get_data (key, &len) : NULL;
  satchel_ipc_put_bytes (message, bytes, len);
}

/* Puts where the content is: in a spool file, or in the message. */
static void
put_source (SatchelIpcMessage *message, SatchelSpool *spool)
{
  const gboolean is_here = satchel_spool_memory (spool) != NULL;
  satchel_ipc_put_string (message, is_here ? "" : satchel_spool_path (spool));
  satchel_ipc_put_u32 (message, satchel_spool_is_lf (spool));
  satchel_ipc_put_u64 (message, satchel_spool_size (spool));
  put_key (message, satchel_spool_key (spool));
}

/* Puts attributes of a spool file, or none and the content that they follow from. */
static void
put_content (SatchelIpcMessage *message, SatchelSpool *spool)
{
  const GByteArray *content = satchel_spool_memory (spool);
  gsize len = 0;
  GBytes *attributes = content == NULL ? satchel_spool_attributes (spool, NULL) : NULL;
  const void *blob = attributes != NULL ? g_bytes_get_data (attributes, &len) : NULL;
  gboolean has_room = len <= ATTRIBUTES_IN_MESSAGE_MAX
                      && message->body->len + len + MESSAGE_SLACK_BYTES <= SATCHEL_IPC_MAX_BYTES;
  satchel_ipc_put_bytes (message, blob, has_room ? len : 0);
  satchel_ipc_put_bytes (message, content != NULL ? content->data : NULL, content != NULL ? content->len : 0);
}

static SatchelIpcMessage *
make_message (SatchelTarget *target, guint64 request)
{
  SatchelDelivery *delivery = target->delivery;
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_DELIVER, 0);
  satchel_ipc_put_u64 (message, request);
  put_envelope (message, delivery->envelope);
  put_source (message, delivery->spool);
  satchel_ipc_put_u64 (message, (guint64) delivery->began_us);
  satchel_ipc_put_string (message, target->address);
  satchel_ipc_put_string (message, target->user);
  satchel_place_put (message, target->place);
  satchel_ipc_put_string (message, target->detail);
  satchel_ipc_put_string (message, delivery->run.crumb);
  put_disposition (message, &delivery->run.where);
  put_content (message, delivery->spool);
  return message;
}

gboolean
satchel_target_fits (SatchelTarget *target)
{
  if (satchel_spool_size (target->delivery->spool) > SATCHEL_IPC_MAX_BYTES)
    return FALSE;
  g_autoptr (SatchelIpcMessage) message = make_message (target, 0);
  return !message->failed;
}

gboolean
satchel_target_send (SatchelTarget *target)
{
  SatchelIpcMessage *message = make_message (target, ++last_request);
  target->request = last_request;
  g_hash_table_insert (remote_targets, &target->request, target);
  if (satchel_delivery_host ()->send_to_mail (target->slot, message))
    return TRUE;
  g_hash_table_remove (remote_targets, &target->request);
  target->request = 0;
  return FALSE;
}

static void
settle_target (SatchelTarget *target, SatchelDeliveryStatus status, const char *text)
{
  g_hash_table_remove (remote_targets, &target->request);
  target->request = 0;
  target->answered (target, status, text != NULL && *text != '\0' ? g_strdup (text) : NULL);
}

/* Gives up targets. The last answer finishes, and may free, their delivery. */
static void
give_up_targets (const GPtrArray *late)
{
  for (guint i = 0; i < late->len; i++)
    settle_target (g_ptr_array_index (late, i), SATCHEL_DELIVERY_TEMPORARY, NULL);
}

static void
on_owner_timeout (SatchelTimer *timer, gpointer data)
{
  (void) timer;
  SatchelDelivery *delivery = data;
  g_autoptr (GPtrArray) late = g_ptr_array_new ();
  for (guint i = 0; i < delivery->targets->len; i++)
    if (((SatchelTarget *) g_ptr_array_index (delivery->targets, i))->request != 0)
      g_ptr_array_add (late, g_ptr_array_index (delivery->targets, i));
  give_up_targets (late);
}

void
satchel_delivery_arm_timeout (SatchelDelivery *delivery)
{
  satchel_timer_arm (&delivery->timer,
                     OWNER_TIMEOUT_MS + satchel_filters_longest_ms (SATCHEL_FILTER_RECIPIENT),
                     on_owner_timeout, delivery);
}

void
satchel_delivery_mail_lost (guint slot)
{
  g_autoptr (GPtrArray) lost = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init (&iter, remote_targets);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (((SatchelTarget *) value)->slot == slot)
      g_ptr_array_add (lost, value);
  give_up_targets (lost);
}

static gboolean
on_deliver_reply (guint slot, SatchelIpcMessage *message)
{
  guint64 request = satchel_ipc_get_u64 (message);
  guint32 status = satchel_ipc_get_u32 (message);
  const char *text = satchel_ipc_get_string (message);
  if (!satchel_ipc_message_is_done (message) || status > SATCHEL_DELIVERY_NOSPACE
      || strlen (text) > SATCHEL_FILTER_TEXT_BYTES)
    return FALSE;
  SatchelTarget *target = g_hash_table_lookup (remote_targets, &request);
  if (target != NULL && target->slot == slot)
    settle_target (target, status, text);
  return TRUE;
}

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
  satchel_ipc_put_string (message, task->text);
  /* If the process has gone, the MTA tries again. */
  satchel_delivery_host ()->send_to_mail (asker->slot, message);
  satchel_owner_task_free (task);
  n_asked--;
}

static char *
take_optional (SatchelIpcMessage *message)
{
  const char *text = satchel_ipc_get_string (message);
  return *text != '\0' ? g_strdup (text) : NULL;
}

static void
take_notes (SatchelIpcMessage *message, SatchelDisposition *where)
{
  guint32 n = satchel_ipc_get_u32 (message);
  for (guint32 i = 0; i + 1 < n && !message->failed; i += 2)
    {
      const char *filter = satchel_ipc_get_string (message), *note = satchel_ipc_get_string (message);
      message->failed = message->failed || !satchel_disposition_add_note (where, filter, note);
    }
}

static void
take_disposition (SatchelIpcMessage *message, SatchelDisposition *where)
{
  SatchelDisposition got = { .flags = satchel_ipc_get_u32 (message) & SATCHEL_FLAGS_ALL,
                             .special_use = satchel_ipc_get_u32 (message) };
  got.mailbox = take_optional (message);
  guint32 n = satchel_ipc_get_u32 (message);
  got.keywords = g_ptr_array_new_with_free_func (g_free);
  for (guint32 i = 0; i < MIN (n, SATCHEL_FILTER_KEYWORDS_MAX); i++)
    {
      const char *keyword = satchel_ipc_get_string (message);
      if (!satchel_keyword_is_atom (keyword) || strlen (keyword) > SATCHEL_KEYWORD_BYTES)
        message->failed = TRUE;
      g_ptr_array_add (got.keywords, g_strdup (keyword));
    }
  take_notes (message, &got);
  satchel_disposition_merge (where, &got);
  satchel_disposition_clear (&got);
}

static void
take_recipients (SatchelIpcMessage *message, SatchelFilterEnvelope *envelope)
{
  GPtrArray *recipients = g_ptr_array_new ();
  envelope->n_recipients = satchel_ipc_get_u32 (message);
  guint32 n = satchel_ipc_get_u32 (message);
  for (guint32 i = 0; i < n && !message->failed; i++)
    g_ptr_array_add (recipients, g_strdup (satchel_ipc_get_string (message)));
  g_ptr_array_add (recipients, NULL);
  satchel_filter_envelope_set_recipients (envelope, (char **) g_ptr_array_free (recipients, FALSE));
}

static SatchelFilterEnvelope *
take_envelope (SatchelIpcMessage *message)
{
  SatchelFilterEnvelope *envelope = g_atomic_rc_box_new0 (SatchelFilterEnvelope);
  envelope->id = g_strdup (satchel_ipc_get_string (message));
  envelope->sender = g_strdup (satchel_ipc_get_string (message));
  envelope->client_address = g_strdup (satchel_ipc_get_string (message));
  envelope->client_name = g_strdup (satchel_ipc_get_string (message));
  envelope->client_user = take_optional (message);
  envelope->tls = g_strdup (satchel_ipc_get_string (message));
  envelope->origin = satchel_origin_get (message);
  take_recipients (message, envelope);
  return envelope;
}

/* Takes where the content is.  FALSE: the key is none. */
static gboolean
take_source (SatchelIpcMessage *message, SatchelOwnerTask *task)
{
  gsize key_len;
  task->spool_path = take_optional (message);
  task->is_lf = satchel_ipc_get_u32 (message) != 0;
  task->size = satchel_ipc_get_u64 (message);
  const guint8 *key = satchel_ipc_get_bytes (message, &key_len);
  task->spool_key = satchel_spool_key_take (key, key_len);
  return key_len == 0 || task->spool_key != NULL;
}

/* Takes the content, or the attributes of that in the spool file.  FALSE: it is not the content. */
static gboolean
take_content (SatchelIpcMessage *message, SatchelOwnerTask *task)
{
  gsize len;
  const guint8 *blob = satchel_ipc_get_bytes (message, &len);
  task->attributes = len > 0 ? g_bytes_new (blob, len) : NULL;
  const guint8 *content = satchel_ipc_get_bytes (message, &len);
  if (task->spool_path != NULL)
    return len == 0 && satchel_spool_is_path (task->spool_path);
  task->memory = task->own_memory = g_byte_array_sized_new ((guint) len);
  g_byte_array_append (task->own_memory, content, (guint) len);
  return len == task->size;
}

static SatchelOwnerTask *
take_task (SatchelIpcMessage *message)
{
  SatchelOwnerTask *task = g_new0 (SatchelOwnerTask, 1);
  task->envelope = take_envelope (message);
  gboolean is_good = take_source (message, task);
  task->began_us = (gint64) satchel_ipc_get_u64 (message);
  task->recipient = g_strdup (satchel_ipc_get_string (message));
  task->user = g_strdup (satchel_ipc_get_string (message));
  task->place = satchel_place_get (message);
  task->detail = take_optional (message);
  task->crumb = take_optional (message);
  take_disposition (message, &task->run.where);
  is_good = take_content (message, task) && is_good;
  task->status = SATCHEL_DELIVERY_TEMPORARY;
  if (is_good && satchel_ipc_message_is_done (message))
    return task;
  satchel_owner_task_free (task);
  return NULL;
}

static gboolean
on_deliver (guint slot, SatchelIpcMessage *message)
{
  guint64 request = satchel_ipc_get_u64 (message);
  SatchelOwnerTask *task = take_task (message);
  if (task == NULL)
    return FALSE;
  RemoteAsker *asker = g_new0 (RemoteAsker, 1);
  asker->slot = slot;
  asker->request = request;
  task->done = on_asked_task_done;
  task->data = asker;
  n_asked++;
  satchel_owner_task_submit (task);
  return TRUE;
}

guint
satchel_delivery_n_asked (void)
{
  return n_asked;
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
