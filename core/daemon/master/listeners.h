/* SPDX-License-Identifier: MIT
 * Master's listening sockets: bound here, taken from systemd, or inherited over an upgrade.  They stay open
 * while processes come and go, so that no connection is refused meanwhile.
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
/* What satchel_sockets_bind would find, without keeping anything (`config check`): a port or socket of the
 * server that runs with this run directory, or that systemd holds for us, is none of another program's. TRUE:
 * no error was added. */
gboolean satchel_listeners_check (SatchelPlan *plan);

/* -1 and *ret_errno.  @is_trial: bound, but not listening. */
int satchel_bind_tcp (const SatchelPlanListener *listener, gboolean is_trial, int *ret_errno);
/* The problem of a port that cannot be had; @advice NULL: by @errnum. */
void satchel_listener_refused (SatchelPlan *plan, const SatchelPlanListener *listener, int errnum,
                               const char *advice);
/* Whether a socket could be made there; *ret_pid: of the process that listens there now, or 0. */
gboolean satchel_unix_is_usable (const char *path, int type, gboolean *ret_is_stale, int *ret_pid,
                                 GError **error);

/* A listening unix socket at @path.  @error says what to do. */
int satchel_bind_unix (const char *path, guint mode, int type, GError **error);
