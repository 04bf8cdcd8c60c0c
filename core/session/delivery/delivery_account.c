/* SPDX-License-Identifier: MIT
 * This file delivers mail that auth has for a user of this process, such as a notice about the account.  It
 * is an ordinary delivery, with the null sender and without a session.
 */
#include "config.h"

#include "core/session/delivery/delivery_account.h"

#include <satchel/account_event.h>

static guint n_running;

static void
delivered (SatchelDelivery *delivery, const SatchelDeliveryStatus *statuses, guint n, gpointer data)
{
  guint64 *request = data;
  SatchelIpcMessage *reply = satchel_ipc_message_new (SATCHEL_IPC_ACCOUNT_MAIL_REPLY, 0);
  satchel_ipc_put_u64 (reply, *request);
  satchel_ipc_put_u32 (reply, statuses[0]);
  satchel_delivery_host ()->send_to_auth (reply); /* if auth has gone, the next auth process asks again */
  satchel_delivery_free (delivery);
  g_free (request);
  n_running--;
}

static void
start_delivery (guint64 request, const char *user, SatchelPlace *place, const void *content, gsize len)
{
  const char *const users[] = { user, NULL };
  const guint32 slot = satchel_delivery_host ()->slot;
  const SatchelRoutedRecipient routed = { .recipient = { .size = sizeof (SatchelRecipient),
                                                         .status = SATCHEL_DELIVERY_OK,
                                                         .address = user,
                                                         .users = users },
                                          .slots = &slot,
                                          .places = &place };
  SatchelDelivery *delivery = satchel_delivery_new (NULL, "");
  satchel_delivery_add_recipient (delivery, &routed.recipient);
  satchel_delivery_write (delivery, content, len, NULL); /* the content is in memory, so this does not fail */
  n_running++;
  satchel_delivery_finish (delivery, delivered, g_memdup2 (&request, sizeof request));
}

gboolean
satchel_delivery_account_message (SatchelIpcMessage *message)
{
  guint64 request = satchel_ipc_get_u64 (message);
  const char *user = satchel_ipc_get_string (message);
  g_autoptr (SatchelPlace) place = satchel_place_get (message);
  gsize len;
  const guint8 *content = satchel_ipc_get_bytes (message, &len);
  if (!satchel_ipc_message_is_done (message) || *user == '\0' || len == 0
      || len > SATCHEL_ACCOUNT_MAIL_BYTES_MAX)
    return FALSE;
  start_delivery (request, user, place, content, len);
  return TRUE;
}

guint
satchel_delivery_n_account (void)
{
  return n_running;
}
