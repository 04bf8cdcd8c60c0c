/* SPDX-License-Identifier: MIT
 * Declares the server's end of the control socket, which accepts administrators and frames requests and
 * answers. admin.c knows what requests mean.
 */
#pragma once
#include "core/runtime/ipc/control_wire.h"
#include <satchel/error.h>

typedef struct SatchelControlServer SatchelControlServer;
typedef struct SatchelControlClient SatchelControlClient;

/* Gets a request. Answer it with satchel_control_reply, the last time with @final. @argv: NULL-ended,
 * borrowed. */
typedef void (*SatchelControlRequestFunc) (SatchelControlClient *client, const char *const *argv,
                                           gpointer data);
/* Is told that the client has gone; @client must not be used again. */
typedef void (*SatchelControlGoneFunc) (SatchelControlClient *client, gpointer data);

/* Opens the control socket at @path. @gid: the group that may connect, beside root and the server's own
 * user; G_MAXUINT32: none. @inherited_fd (taken over; -1: none): the socket of the program that this one
 * replaced. It is used if it has the right path and rights, so that clients that connect meanwhile only
 * wait. */
SatchelControlServer *satchel_control_server_new (const char *path, guint gid, int inherited_fd,
                                                  SatchelControlRequestFunc request,
                                                  SatchelControlGoneFunc gone, gpointer data, GError **error);
/* Adds a client that the program which this one replaced had accepted. Takes over @fd. */
void satchel_control_server_add_client (SatchelControlServer *server, int fd);
/* Calls @func for what the next program can go on with: the socket, and clients that wait for no answer. */
typedef void (*SatchelControlFdFunc) (int fd, gboolean is_client, gpointer data);
void satchel_control_server_foreach_fd (SatchelControlServer *server, SatchelControlFdFunc func,
                                        gpointer data);
/* Sets what to call for long answers. @cancels: the client sent "cancel" while it waits. @drained:
 * everything that waited for the client has been sent. */
void satchel_control_server_set_long_answers (SatchelControlServer *server, SatchelControlGoneFunc cancels,
                                              SatchelControlGoneFunc drained);
/* Says whether the client has taken everything that was sent to it. */
gboolean satchel_control_client_is_drained (const SatchelControlClient *client);
/* Returns the descriptor that came with the request; the caller's. -1: none. Called by the request's
 * function, after which it is closed. */
int satchel_control_client_take_fd (SatchelControlClient *client);
/* This also removes the socket from its directory. */
void satchel_control_server_free (SatchelControlServer *server);
/* Splits a request packet into words.  NULL means that it is malformed.  Free the result with g_strfreev. */
char **satchel_control_parse (const void *packet, gsize len);
/* Sends @text in packets. The client closes after the @final one. */
void satchel_control_reply (SatchelControlClient *client, const char *text, gboolean is_final, guint status);
/* Sends what waits, as far as the sockets take it at once. Called before the process ends. */
void satchel_control_server_flush (SatchelControlServer *server);
