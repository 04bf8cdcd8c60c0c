/* SPDX-License-Identifier: MIT
 * Keeps master's listening sockets, which it binds, takes from systemd, or inherits over an upgrade. They
 * stay open while processes come and go, so that no connection is refused meanwhile.
 */
#pragma once
#include "core/daemon/plan.h"

typedef struct SatchelSockets SatchelSockets;
/* Takes the sockets of LISTEN_FDS (sd_listen_fds(3)), and removes the variables from the environment. */
SatchelSockets *satchel_sockets_new (void);
/* Takes over an inherited socket. @key: "tcp ADDRESS PORT" or "unix PATH". */
void satchel_sockets_inherit (SatchelSockets *sockets, const char *key, int fd, gboolean is_ours);
/* Binds the listeners of @plan that are not bound yet. FALSE: one failed, and is a problem of @plan. */
gboolean satchel_sockets_bind (SatchelSockets *sockets, SatchelPlan *plan);
/* Returns the socket of a bound listener, borrowed. -1 means that the listener is optional, and this machine
 * lacks its address family. */
int satchel_sockets_fd (SatchelSockets *sockets, const SatchelPlanListener *listener);
/* Closes what @plan does not list. */
void satchel_sockets_keep_only (SatchelSockets *sockets, const SatchelPlan *plan);
/* Calls @func for every socket with its key, for an upgrade. */
typedef void (*SatchelSocketFunc) (const char *key, int fd, gboolean is_ours, gpointer data);
void satchel_sockets_foreach (SatchelSockets *sockets, SatchelSocketFunc func, gpointer data);
/* Closes all sockets, and removes the unix sockets that the server made. */
void satchel_sockets_free (SatchelSockets *sockets);
/* Reports what satchel_sockets_bind would find, and keeps nothing open (`config check`). A port or socket
 * that the running server of this run directory has, or that systemd holds for it, does not count as another
 * program's. TRUE means that no error was added. */
gboolean satchel_listeners_check (SatchelPlan *plan);

/* Binds a TCP socket. @is_trial: it does not listen. -1: it failed, with *ret_errno. */
int satchel_bind_tcp (const SatchelPlanListener *listener, gboolean is_trial, int *ret_errno);
/* Adds the problem of a port that cannot be bound. @advice NULL: the advice follows from @errnum. */
void satchel_listener_refused (SatchelPlan *plan, const SatchelPlanListener *listener, int errnum,
                               const char *advice);
/* Says whether a socket could be made at the path. *ret_pid: the process that listens there now, or 0. */
gboolean satchel_unix_is_usable (const char *path, int type, gboolean *ret_is_stale, int *ret_pid,
                                 GError **error);

/* Makes a listening unix socket at @path. @error says what to do. */
int satchel_bind_unix (const char *path, guint mode, int type, GError **error);
