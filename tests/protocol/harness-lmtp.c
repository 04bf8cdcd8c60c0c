/* SPDX-License-Identifier: MIT
 * lmtp for protocol scripts: auth and the delivery of the core are played here.  LOCAL@anywhere is the user
 * LOCAL of the scripts, but "nobody" is nobody; "away" cannot be looked up; "full" and "picky" refuse each
 * message at its end.
 */
#include "config.h"

#include "harness-private.h"

#include "modules/lmtp/lmtp_session.h"
#include <string.h>

const HarnessProtocol harness_protocol = {
  .name = "lmtp",
  .schema = lmtp_schema,
  .handlers = &lmtp_session_handlers,
  .session_new = lmtp_session_new,
  .note = "",
  .greeting = "220 ... LMTP Satchel",
};

const char *
satchel_session_peer (SatchelSession *session)
{
  return "192.0.2.1";
}

gboolean
satchel_session_is_from (SatchelSession *session, const char *const *networks)
{
  return networks != NULL && networks[0] != NULL;
}

static char *
local_part (const char *address)
{
  return g_strndup (address, strcspn (address, "@+"));
}

typedef struct LookUp
{
  SatchelConnection *connection;
  char *address;
  SatchelRecipientFunc func;
  gpointer data;
} LookUp;

static void
answer_look_up (gpointer data)
{
  LookUp *look_up = data;
  g_autofree char *user = local_part (look_up->address);
  const char *const users[] = { user, NULL };
  SatchelRecipient recipient = { .size = sizeof recipient, .address = look_up->address, .users = users };
  recipient.status = strcmp (user, "nobody") == 0 ? SATCHEL_DELIVERY_UNKNOWN
                     : strcmp (user, "away") == 0 ? SATCHEL_DELIVERY_TEMPORARY
                                                  : SATCHEL_DELIVERY_OK;
  recipient.why = recipient.status == SATCHEL_DELIVERY_OK ? "" : "played";
  look_up->func (&recipient, look_up->data);
  satchel_connection_release (look_up->connection);
  g_free (look_up->address);
  g_free (look_up);
}

void
satchel_delivery_look_up (SatchelSession *session, const char *address, SatchelRecipientFunc func,
                          gpointer data)
{
  LookUp *look_up = g_new0 (LookUp, 1);
  look_up->connection = satchel_session_connection (session);
  look_up->address = g_strdup (address);
  look_up->func = func;
  look_up->data = data;
  satchel_connection_hold (look_up->connection);
  satchel_defer (answer_look_up, look_up);
}

struct SatchelDelivery
{
  SatchelConnection *connection;
  GPtrArray *users;
  GString *content;
  SatchelDeliveryFunc func;
  gpointer data;
};

SatchelDelivery *
satchel_delivery_new (SatchelSession *session, const char *sender)
{
  SatchelDelivery *delivery = g_new0 (SatchelDelivery, 1);
  delivery->connection = satchel_session_connection (session);
  delivery->users = g_ptr_array_new_with_free_func (g_free);
  delivery->content = g_string_new (NULL);
  return delivery;
}

void
satchel_delivery_free (SatchelDelivery *delivery)
{
  g_ptr_array_unref (delivery->users);
  g_string_free (delivery->content, TRUE);
  g_free (delivery);
}

void
satchel_delivery_set_client_name (SatchelDelivery *delivery, const char *name)
{
}

void
satchel_delivery_set_origin (SatchelDelivery *delivery, const SatchelOrigin *origin)
{
}

const char *
satchel_delivery_id (SatchelDelivery *delivery)
{
  return "Q1";
}

void
satchel_delivery_add_recipient (SatchelDelivery *delivery, const SatchelRecipient *recipient)
{
  g_ptr_array_add (delivery->users, g_strdup (recipient->users[0]));
}

gboolean
satchel_delivery_write (SatchelDelivery *delivery, const void *data, gsize len, GError **error)
{
  g_string_append_len (delivery->content, data, (gssize) len);
  return TRUE;
}

static SatchelDeliveryStatus
deliver (const SatchelDelivery *delivery, const char *user)
{
  if (strcmp (user, "full") == 0)
    return SATCHEL_DELIVERY_OVERQUOTA;
  if (strcmp (user, "picky") == 0)
    return SATCHEL_DELIVERY_REFUSED;
  return harness_deliver (user, delivery->content->str, delivery->content->len, NULL)
             ? SATCHEL_DELIVERY_OK
             : SATCHEL_DELIVERY_TEMPORARY;
}

static void
end_delivery (gpointer data)
{
  SatchelDelivery *delivery = data;
  SatchelConnection *connection = delivery->connection;
  guint n = delivery->users->len;
  g_autofree SatchelDeliveryStatus *statuses = g_new (SatchelDeliveryStatus, n);
  for (guint i = 0; i < n; i++)
    statuses[i] = deliver (delivery, delivery->users->pdata[i]);
  delivery->func (delivery, statuses, n, delivery->data);
  satchel_connection_release (connection);
}

void
satchel_delivery_finish (SatchelDelivery *delivery, SatchelDeliveryFunc func, gpointer data)
{
  delivery->func = func;
  delivery->data = data;
  satchel_connection_hold (delivery->connection);
  satchel_defer (end_delivery, delivery);
}

const char *
satchel_delivery_text (SatchelDelivery *delivery, guint recipient)
{
  return strcmp (delivery->users->pdata[recipient], "picky") == 0 ? "Not to my taste" : NULL;
}
