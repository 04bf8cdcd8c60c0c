/* SPDX-License-Identifier: MIT
 * Mail to users from modules of auth (satchel_account_mail): finds where the user's mail is, and asks the
 * mail process there to deliver.
 */
#include "config.h"

#include "core/daemon/auth/users/auth_mail.h"
#include "core/runtime/login/account_event.h"

#include <satchel/hash.h>

typedef struct Mail
{
  guint64 request;
  guint slot; /* number of the mail process that was asked */
  char *user;
  GBytes *message;
  SatchelAccountMailFunc func;
  gpointer data;
} Mail;

static SatchelAuth *own;
static GHashTable *sent; /* request -> Mail */
static guint64 last_request;

static void
mail_free (gpointer data)
{
  Mail *mail = data;
  g_bytes_unref (mail->message);
  g_free (mail->user);
  g_free (mail);
}

static void
mail_end (Mail *mail, SatchelDeliveryStatus status)
{
  if (own != NULL)
    mail->func (status, mail->data);
  mail_free (mail);
}

static gboolean
send_mail (Mail *mail, SatchelPeer *peer, const SatchelPlace *place)
{
  gsize len;
  const void *bytes = g_bytes_get_data (mail->message, &len);
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_ACCOUNT_MAIL, 0);
  satchel_ipc_put_u64 (message, mail->request);
  satchel_ipc_put_string (message, mail->user);
  satchel_place_put (message, place);
  satchel_ipc_put_bytes (message, bytes, len);
  return satchel_peer_send (peer, message);
}

/* Sends the mail once the attributes of the user are known.  The user's place is durable before the mail
 * process hears of it. */
static void
told_attributes (const char *attributes, const GError *trouble, gpointer data)
{
  Mail *mail = data;
  SatchelPlacement placement;
  g_autoptr (GError) error = NULL;
  if (attributes == NULL || own == NULL
      || !satchel_placements_find (own->placements, mail->user, &placement, &mail->slot, &error)
      || !satchel_placements_sync (own->placements, &error))
    {
      if (trouble != NULL || error != NULL)
        satchel_auth_log_misplaced (trouble != NULL ? trouble : error);
      mail_end (mail, SATCHEL_DELIVERY_TEMPORARY);
      return;
    }
  g_autoptr (SatchelPlace) place =
      satchel_placements_place (own->placements, mail->user, &placement, attributes);
  SatchelPeer *peer = satchel_role_peer (own->context, SATCHEL_ROLE_MAIL, mail->slot);
  mail->request = ++last_request;
  if (satchel_peer_keeps_up (peer) && send_mail (mail, peer, place))
    g_hash_table_insert (sent, &mail->request, mail);
  else
    mail_end (mail, SATCHEL_DELIVERY_TEMPORARY);
}

static void
ask_place (gpointer data)
{
  Mail *mail = data;
  if (own == NULL)
    {
      mail_free (mail);
      return;
    }
  const SatchelAttributesQuestion question = { .user = mail->user,
                                               .deadline_ms = satchel_auth_deadline_ms (own) };
  satchel_auth_ask_attributes (own, &question, told_attributes, mail);
}

static void
deliver (const char *user, GBytes *message, SatchelAccountMailFunc func, gpointer data)
{
  Mail *mail = g_new0 (Mail, 1);
  *mail = (Mail) { .user = g_strdup (user), .message = g_bytes_ref (message), .func = func, .data = data };
  satchel_defer (ask_place, mail);
}

gboolean
satchel_auth_mail_message (SatchelPeer *peer, SatchelIpcMessage *message)
{
  guint64 request = satchel_ipc_get_u64 (message);
  guint32 status = satchel_ipc_get_u32 (message);
  if (!satchel_ipc_message_is_done (message) || status > SATCHEL_DELIVERY_NOSPACE)
    return FALSE;
  Mail *mail = g_hash_table_lookup (sent, &request);
  if (mail == NULL || mail->slot != peer->slot)
    return TRUE;
  g_hash_table_steal (sent, &request);
  mail_end (mail, (SatchelDeliveryStatus) status);
  return TRUE;
}

void
satchel_auth_mail_lost (guint slot)
{
  g_autoptr (GPtrArray) lost = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer value;
  if (sent == NULL)
    return;
  g_hash_table_iter_init (&iter, sent);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (((Mail *) value)->slot == slot)
      {
        g_ptr_array_add (lost, value);
        g_hash_table_iter_steal (&iter);
      }
  for (guint i = 0; i < lost->len; i++)
    mail_end (lost->pdata[i], SATCHEL_DELIVERY_TEMPORARY);
}

void
satchel_auth_mail_start (SatchelAuth *auth)
{
  own = auth;
  sent = g_hash_table_new_full (satchel_number64_hash, g_int64_equal, NULL, mail_free);
  satchel_account_set_mailer (deliver);
}

void
satchel_auth_mail_stop (void)
{
  own = NULL;
  satchel_account_set_mailer (NULL);
  g_clear_pointer (&sent, g_hash_table_unref);
}
