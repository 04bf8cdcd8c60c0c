/* SPDX-License-Identifier: MIT
 * Answers a mail process that asks for a recipient: the users, what the userdbs say of each, and where each
 * is.
 */
#include "config.h"

#include "core/daemon/auth/auth.h"

#include <string.h>

#define MAX_REPLY_BYTES 15000 /* bytes of a reply, which leave room for headers in SATCHEL_IPC_MAX_BYTES */

typedef struct Recipient
{
  SatchelAuth *auth;
  SatchelPeer *peer;
  guint64 serial; /* serial number of the link by which the question came */
  guint64 session_id, request;
  gint64 deadline_ms;
  SatchelDeliveryStatus status;
  const char *why;
  GPtrArray *users, *attributes, *places; /* char *, char *, SatchelPlace * */
  GArray *slots;                          /* guint */
} Recipient;

static void
recipient_free (Recipient *recipient)
{
  g_ptr_array_unref (recipient->users);
  g_ptr_array_unref (recipient->attributes);
  g_ptr_array_unref (recipient->places);
  g_array_unref (recipient->slots);
  g_free (recipient);
}

/* Answers, unless the process that asked has gone: the next one of that mail slot has other questions under
 * the same numbers. */
static void
send_reply (Recipient *recipient)
{
  if (recipient->peer->serial != recipient->serial)
    return;
  guint n = recipient->status == SATCHEL_DELIVERY_OK ? recipient->users->len : 0;
  SatchelIpcMessage *reply = satchel_ipc_message_new (SATCHEL_IPC_LOOKUP_REPLY, recipient->session_id);
  satchel_ipc_put_u64 (reply, recipient->request);
  satchel_ipc_put_u32 (reply, recipient->status);
  satchel_ipc_put_string (reply, recipient->why);
  satchel_ipc_put_u32 (reply, n);
  for (guint i = 0; i < n; i++)
    {
      satchel_ipc_put_string (reply, recipient->users->pdata[i]);
      satchel_ipc_put_u32 (reply, g_array_index (recipient->slots, guint, i));
      satchel_place_put (reply, recipient->places->pdata[i]);
    }
  satchel_peer_send (recipient->peer, reply);
}

static void
answer (Recipient *recipient, SatchelDeliveryStatus status, const char *why)
{
  recipient->status = status;
  recipient->why = why;
  send_reply (recipient);
  recipient_free (recipient);
}

/* Adds where each user is, which is durable before anybody hears of it.  A user who is released or being
 * moved has no owner now, so the look-up fails. */
static gboolean
find_owners (Recipient *recipient, GError **error)
{
  SatchelAuth *auth = recipient->auth;
  gsize n_bytes = 0;
  gboolean ok = TRUE;
  for (guint i = 0; i < recipient->users->len && ok && n_bytes <= MAX_REPLY_BYTES; i++)
    {
      SatchelPlacement placement;
      guint slot;
      const char *user = recipient->users->pdata[i];
      ok = satchel_placements_find (auth->placements, user, &placement, &slot, error);
      if (!ok)
        break;
      SatchelPlace *place =
          satchel_placements_place (auth->placements, user, &placement, recipient->attributes->pdata[i]);
      g_ptr_array_add (recipient->places, place);
      g_array_append_val (recipient->slots, slot);
      n_bytes += strlen (user) + 8 + satchel_place_bytes (place);
    }
  ok = satchel_placements_sync (auth->placements, ok ? error : NULL) && ok;
  return ok
         && (n_bytes <= MAX_REPLY_BYTES
             || satchel_error_set (error, SATCHEL_ERROR_LIMIT,
                                   "an address leads to %u users, whose names, places and attributes are "
                                   "more than %d bytes",
                                   recipient->users->len, MAX_REPLY_BYTES));
}

static void ask_attributes (Recipient *recipient);

static void
told_attributes (const char *attributes, const GError *error, gpointer data)
{
  Recipient *recipient = data;
  if (attributes == NULL)
    {
      satchel_auth_log_misplaced (error);
      answer (recipient, SATCHEL_DELIVERY_TEMPORARY, "no-owner");
      return;
    }
  g_ptr_array_add (recipient->attributes, g_strdup (attributes));
  ask_attributes (recipient);
}

/* Asks for the attributes of one user after the other.  An alias has a hundred users at most, and a database
 * that gets few questions at a time stays quick. */
static void
ask_attributes (Recipient *recipient)
{
  g_autoptr (GError) error = NULL;
  guint n = recipient->attributes->len;
  if (n < recipient->users->len)
    {
      const SatchelAttributesQuestion question = { .user = recipient->users->pdata[n],
                                                   .deadline_ms = recipient->deadline_ms };
      satchel_auth_ask_attributes (recipient->auth, &question, told_attributes, recipient);
    }
  else if (find_owners (recipient, &error))
    answer (recipient, SATCHEL_DELIVERY_OK, "");
  else
    {
      satchel_auth_log_misplaced (error);
      answer (recipient, SATCHEL_DELIVERY_TEMPORARY, "no-owner");
    }
}

static void
looked_up (SatchelDeliveryStatus status, GPtrArray *users, const char *why, gpointer data)
{
  Recipient *recipient = data;
  recipient->users = g_ptr_array_ref (users);
  if (status == SATCHEL_DELIVERY_OK)
    ask_attributes (recipient);
  else
    answer (recipient, status, why);
}

gboolean
satchel_auth_lookup_message (SatchelAuth *auth, SatchelPeer *peer, SatchelIpcMessage *message)
{
  guint64 request = satchel_ipc_get_u64 (message);
  const char *plain = satchel_ipc_get_string (message);
  const char *full = satchel_ipc_message_is_done (message) ? "" : satchel_ipc_get_string (message);
  if (!satchel_ipc_message_is_done (message))
    return FALSE;
  Recipient *recipient = g_new0 (Recipient, 1);
  *recipient = (Recipient) { .auth = auth,
                             .peer = peer,
                             .serial = peer->serial,
                             .session_id = message->session_id,
                             .request = request,
                             .deadline_ms = satchel_auth_deadline_ms (auth),
                             .attributes = g_ptr_array_new_with_free_func (g_free),
                             .slots = g_array_new (FALSE, FALSE, sizeof (guint)) };
  recipient->places = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_place_unref);
  gboolean has_detail = full[0] != '\0';
  satchel_auth_look_up (auth, has_detail ? full : plain, has_detail ? plain : NULL, recipient->deadline_ms,
                        looked_up, recipient);
  return TRUE;
}
