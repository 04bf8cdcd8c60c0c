/* SPDX-License-Identifier: MIT
 * Keeps a role's links to other processes, which come from master, break, and come again.
 */
#include "config.h"

#include "core/daemon/role/role_private.h"

#include <unistd.h>

#include "core/runtime/ipc/helper_private.h"

typedef struct PeerPrivate
{
  SatchelPeer peer;
  gboolean is_up; /* peer_up has been called */
} PeerPrivate;

SatchelPeer *
satchel_role_peer (SatchelRoleContext *context, SatchelRole role, guint slot)
{
  for (guint i = 0; i < context->peers->len; i++)
    {
      SatchelPeer *peer = g_ptr_array_index (context->peers, i);
      if (peer->role == role && peer->slot == slot)
        return peer;
    }
  return NULL;
}

gboolean
satchel_peer_send_after (SatchelPeer *peer, SatchelIpcMessage *message, const SatchelPeer *first)
{
  if (peer != NULL && peer->link != NULL)
    return satchel_ipc_send_after (peer->link, message, first != NULL ? first->link : NULL);
  satchel_ipc_message_free (message);
  return FALSE;
}

gboolean
satchel_peer_keeps_up (const SatchelPeer *peer)
{
  return peer != NULL && peer->link != NULL && !satchel_ipc_link_is_behind (peer->link);
}

gboolean
satchel_peer_send (SatchelPeer *peer, SatchelIpcMessage *message)
{
  return satchel_peer_send_after (peer, message, NULL);
}

static gboolean
send_to_helper (gpointer data, SatchelIpcMessage *message)
{
  return satchel_peer_send (data, message);
}

/* Reports a bad helper to master, which ends it if it trusts this process. */
static void
tell_bad (const SatchelPeer *peer)
{
  satchel_log (SATCHEL_LOG_ERROR, "helper", "helper %s sent a malformed message: its link is closed",
               peer->module);
  if (!satchel_role_has (peer->context->role, SATCHEL_TRAIT_JUDGES) || peer->context->control == NULL)
    return;
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_BAD_PEER, peer->serial);
  satchel_ipc_put_u32 (message, peer->role);
  satchel_ipc_put_u32 (message, peer->slot);
  satchel_ipc_send (peer->context->control, message);
}

static gboolean
helper_message (SatchelPeer *peer, SatchelIpcMessage *message)
{
  if (satchel_helper_calls_message (peer->module, message))
    return TRUE;
  tell_bad (peer);
  return FALSE;
}

static gboolean
peer_message (SatchelIpcLink *link, SatchelIpcMessage *message, gpointer data)
{
  SatchelPeer *peer = data;
  if (peer->role == SATCHEL_ROLE_HELPER)
    return helper_message (peer, message);
  const SatchelRoleHooks *hooks = peer->context->private->hooks;
  return hooks != NULL && hooks->peer_message != NULL && hooks->peer_message (peer->context, peer, message);
}

static void
take_down (PeerPrivate *own)
{
  SatchelPeer *peer = &own->peer;
  SatchelIpcLink *link = g_steal_pointer (&peer->link);
  satchel_ipc_link_free (link);
  const SatchelRoleHooks *hooks = peer->context->private->hooks;
  gboolean was_up = own->is_up;
  own->is_up = FALSE;
  if (was_up && peer->role == SATCHEL_ROLE_HELPER)
    satchel_helper_calls_down (peer->module);
  else if (was_up && hooks != NULL && hooks->peer_down != NULL)
    hooks->peer_down (peer->context, peer);
}

static void
peer_closed (SatchelIpcLink *link, gpointer data)
{
  PeerPrivate *own = data;
  SatchelRoleContext *context = own->peer.context;
  if (own->peer.link != link)
    return;
  if (own->peer.role == SATCHEL_ROLE_HELPER && satchel_ipc_link_is_malformed (link))
    tell_bad (&own->peer);
  take_down (own);
  if (context->control == NULL)
    return;
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_SYNC_PEER, own->peer.serial);
  satchel_ipc_put_u32 (message, own->peer.role);
  satchel_ipc_put_u32 (message, own->peer.slot);
  satchel_ipc_send (context->control, message);
}

static void
tell_up (PeerPrivate *own)
{
  SatchelRoleContext *context = own->peer.context;
  const SatchelRoleHooks *hooks = context->private->hooks;
  if (own->is_up || own->peer.link == NULL || hooks == NULL)
    return;
  own->is_up = TRUE;
  if (own->peer.role == SATCHEL_ROLE_HELPER)
    satchel_helper_calls_up (own->peer.module, send_to_helper, &own->peer);
  else if (hooks->peer_up != NULL)
    hooks->peer_up (context, &own->peer);
}

void
satchel_role_set_peer (SatchelRoleContext *context, SatchelRole role, guint slot, const char *module,
                       guint64 serial, int fd)
{
  PeerPrivate *own = (PeerPrivate *) satchel_role_peer (context, role, slot);
  if (own == NULL)
    {
      own = g_new0 (PeerPrivate, 1);
      own->peer.context = context;
      own->peer.role = role;
      own->peer.slot = slot;
      own->peer.module = g_strdup (module);
      g_ptr_array_add (context->peers, own);
    }
  if (own->peer.link != NULL)
    take_down (own);
  own->peer.serial = serial;
  own->peer.link = satchel_ipc_link_new (fd, peer_message, peer_closed, own);
  tell_up (own);
}

void
satchel_role_peers_up (SatchelRoleContext *context)
{
  for (guint i = 0; i < context->peers->len; i++)
    tell_up (g_ptr_array_index (context->peers, i));
}
