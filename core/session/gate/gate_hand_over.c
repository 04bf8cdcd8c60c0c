/* SPDX-License-Identifier: MIT
 * This file hands a connection from the gate to the owner of its user.  A clear-text connection goes as its
 * descriptor, with the input that was read already.  A connection under TLS, or one with more input than a
 * message holds, goes as one end of a socket pair, and is relayed.
 */
#include "config.h"

#include "core/base/fd.h"
#include "core/base/list.h"
#include "core/session/gate/gate_private.h"
#include <satchel/log.h>
#include <sys/socket.h>
#include <unistd.h>

#define INPUT_MAX 8192u
#define NOTE_MAX 1024u

static void
relay_client_ended (SatchelRelay *relay, gpointer data, SatchelCloseReason reason)
{
  SatchelGateSession *session = data;
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_PEER_CLOSED, session->id);
  satchel_ipc_put_u32 (message, (guint32) reason);
  (void) satchel_gate.host.send_to_mail (session->mail_slot, message);
}

static void
relay_over (SatchelRelay *relay, gpointer data)
{
  SatchelGateSession *session = data;
  session->relay = NULL; /* the relay frees itself */
  satchel_gate.n_relays--;
  gate_session_free (session);
}

static const SatchelRelayCallbacks relay_callbacks = {
  .client_ended = relay_client_ended,
  .over = relay_over,
};

static SatchelIpcMessage *
new_hand_over (SatchelGateSession *session, const void *note, gsize note_len, GBytes *input, int fd)
{
  gsize len = 0;
  const void *data = input != NULL ? g_bytes_get_data (input, &len) : NULL;
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_HAND_OVER, session->id);
  satchel_ipc_put_bytes (message, session->grant, sizeof session->grant);
  satchel_ipc_put_string (message, session->peer);
  satchel_ipc_put_string (message, session->tls_info);
  satchel_ipc_put_string (message, session->client_id);
  satchel_ipc_put_u32 (message, (guint32) session->has_tls);
  satchel_ipc_put_bytes (message, note, note_len);
  satchel_ipc_put_bytes (message, data, len);
  satchel_ipc_put_fd (message, fd);
  return message;
}

/* Hands over the descriptor itself.  The session stays as a record that only counts the connection. */
static void
hand_whole (SatchelGateSession *session, SatchelIpcMessage *message)
{
  if (!satchel_gate.host.send_to_mail (session->mail_slot, message))
    {
      gate_session_free (session);
      return;
    }
  satchel_transport_destroy (g_steal_pointer (&session->transport));
  gate_set_state (session, GATE_HANDED);
  satchel_gate.n_served--;
  gate_sessions_changed ();
}

static void
hand_relayed (SatchelGateSession *session, const void *note, gsize note_len, GBytes *input, GBytes *output)
{
  g_auto (SatchelFdPair) pair = SATCHEL_FD_PAIR_NONE;
  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair.ends) < 0)
    {
      gate_session_log (session, SATCHEL_LOG_ERROR, "closed", "no-socket-pair");
      gate_session_free (session);
      return;
    }
  if (!satchel_gate.host.send_to_mail (session->mail_slot,
                                       new_hand_over (session, note, note_len, NULL, pair.ends[1])))
    {
      gate_session_free (session);
      return;
    }
  gate_set_state (session, GATE_RELAYED);
  satchel_gate.n_relays++;
  session->relay =
      satchel_relay_new (g_steal_pointer (&session->transport), satchel_fd_steal (&pair.ends[0]), input,
                         output, satchel_gate.write_timeout_ms, &relay_callbacks, session);
}

void
gate_hand_over (SatchelGateSession *session, const void *note, gsize note_len)
{
  g_autoptr (GBytes) input = NULL;
  g_autoptr (GBytes) output = NULL;
  satchel_timer_cancel (&session->login_timer);
  satchel_timer_cancel (&session->step_timer);
  gate_set_state (session, GATE_RELAYED); /* the protocol's `closed` must not end the session */
  if (session->connection != NULL)
    session->transport = satchel_connection_take_apart (session->connection, &input, &output);
  gboolean has_much = (input != NULL && g_bytes_get_size (input) > INPUT_MAX)
                      || (output != NULL && g_bytes_get_size (output) > 0);
  if (session->has_tls || has_much)
    hand_relayed (session, note, note_len, input, output);
  else
    hand_whole (session, new_hand_over (session, note, note_len, input, session->transport->fd));
}

void
satchel_gate_hand_over (SatchelGateSession *session, const void *note, gsize len)
{
  g_return_if_fail (len <= NOTE_MAX);
  if (!session->has_grant || session->state != GATE_OPEN || session->connection == NULL
      || satchel_connection_is_dead (session->connection))
    return; /* the client has gone while the pair was made: `closed` will be called */
  session->has_grant = FALSE;
  (void) satchel_connection_flush (session->connection);
  if (satchel_connection_is_dead (session->connection))
    return;
  gate_hand_over (session, note, len);
  /* The session may have been freed by now. */
}

gboolean
satchel_gate_mail_message (guint slot, SatchelIpcMessage *message)
{
  SatchelGateSession *session = g_hash_table_lookup (satchel_gate.sessions, &message->session_id);
  if (session != NULL && (session->mail_slot != slot || session->state < GATE_RELAYED))
    session = NULL;
  if (message->type == SATCHEL_IPC_KEEPALIVE)
    {
      guint32 within_s = satchel_ipc_get_u32 (message);
      if (!satchel_ipc_message_is_done (message))
        return FALSE;
      if (session != NULL && session->relay != NULL)
        satchel_socket_set_keepalive (satchel_relay_client_fd (session->relay), MIN (within_s, 86400));
      return TRUE;
    }
  if (message->type != SATCHEL_IPC_SESSION_OVER || !satchel_ipc_message_is_done (message))
    return FALSE;
  if (session != NULL && session->state == GATE_HANDED)
    gate_session_free (session);
  return TRUE;
}

void
satchel_gate_mail_lost (guint slot)
{
  SATCHEL_LIST_EACH (SatchelGateSession, session, satchel_gate.first)
    {
      if (session->state == GATE_HANDED && session->mail_slot == slot)
        gate_session_free (session);
    }
}
