/* SPDX-License-Identifier: MIT
 * Master's listening sockets: bound here, taken from systemd, or inherited over an upgrade.  They stay open while
 * processes come and go, so that no connection is refused meanwhile.
 */
#pragma once
#include "core/daemon/plan.h"

typedef struct SatchelSockets SatchelSockets;
/* Takes in LISTEN_FDS (sd_listen_fds(3)) and forgets the variables. */
SatchelSockets *satchel_sockets_new (void);
/* An inherited socket: "tcp ADDRESS PORT" or "unix PATH". */
void satchel_sockets_inherit (SatchelSockets *sockets, const char *key, int fd, gboolean is_ours);
/* Binds what @plan lists and is not there yet.  What fails becomes a problem of @plan: FALSE. */
gboolean satchel_sockets_bind (SatchelSockets *sockets, SatchelPlan *plan);
/* The socket of a bound listener, or -1 (an optional one whose address family is missing).  Borrowed. */
int satchel_sockets_fd (SatchelSockets *sockets, const SatchelPlanListener *listener);
/* Closes what @plan does not list. */
void satchel_sockets_keep_only (SatchelSockets *sockets, const SatchelPlan *plan);
/* For an upgrade: every socket with its key. */
typedef void (*SatchelSocketFunc) (const char *key, int fd, gboolean is_ours, gpointer data);
void satchel_sockets_foreach (SatchelSockets *sockets, SatchelSocketFunc func, gpointer data);
/* At the end: removes unix sockets that we made. */
void satchel_sockets_free (SatchelSockets *sockets);
/* A listening unix socket at @path.  @error tells what to do. */
int satchel_bind_unix (const char *path, guint mode, int type, GError **error);
