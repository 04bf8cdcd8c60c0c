/* SPDX-License-Identifier: MIT
 * Shared by role.c (start, loop), role_control.c (messages of master), role_calls.c and role_peers.c
 * (links to other processes).
 */
#pragma once
#include "core/daemon/role/role.h"
#include "core/daemon/sandbox/sandbox.h"
#include <satchel/reactor.h>

struct SatchelRolePrivate
{
  const SatchelRoleHooks *hooks;
  SatchelConfigSet *set;  /* the configuration in force */
  SatchelConfigSet *next; /* came by CONFIG, and is not committed yet */
  guint64 next_generation;
  gboolean is_prepared; /* modules and hooks have taken `next` */
  GQueue old_sets;      /* SatchelConfigSet, newest first */
  guint uid, gid, more_gid, trusted_uid;
  SatchelSandboxMode sandbox;
  GArray *connect_ports; /* guint16: ports that the process itself may connect to; NULL: none */
  gboolean is_started, is_stopping;
  GMainLoop *loop;
  SatchelTimer grace;
};

/* Runs `satcheld --role=NAME` until the process is to end. Returns the exit status. */
int satchel_role_main (SatchelRole role, guint slot);

/* Takes one message of master. FALSE means that it is not acceptable. */
gboolean satchel_role_control (SatchelRoleContext *context, SatchelIpcMessage *message, GError **error);
void satchel_role_set_peer (SatchelRoleContext *context, SatchelRole role, guint slot, const char *module,
                            guint64 serial, int fd);
void satchel_role_peers_up (SatchelRoleContext *context);
/* Lists the paths that settings of the loaded modules name, and that stay reachable:
 * SatchelSandboxPath, whose descriptors are closed with the array. */
GArray *satchel_role_paths (SatchelRoleContext *context);
void satchel_role_end (SatchelRoleContext *context);
