/* SPDX-License-Identifier: MIT
 * The server's end of the control socket: accepts admins, frames requests and answers.  What requests mean:
 * admin.c.
 */
#pragma once
#include "core/runtime/control_wire.h"
#include <satchel/error.h>

typedef struct SatchelControlServer SatchelControlServer;
typedef struct SatchelControlClient SatchelControlClient;

/* A request; answered with satchel_control_reply, the last one final.  @argv: NULL-ended, borrowed. */
typedef void (*SatchelControlRequestFunc) (SatchelControlClient *client, const char *const *argv,
                                           gpointer data);
/* The client is gone: never name it again. */
typedef void (*SatchelControlGoneFunc) (SatchelControlClient *client, gpointer data);

/* @gid: the group that may connect, beside root and the server's own user; G_MAXUINT32: none.  @inherited_fd:
 * the socket of an older self, taken over; it is used if it still is what is wanted, so that clients that
 * connect meanwhile only wait; -1: none. */
SatchelControlServer *satchel_control_server_new (const char *path, guint gid, int inherited_fd,
                                                  SatchelControlRequestFunc request,
                                                  SatchelControlGoneFunc gone, gpointer data, GError **error);
/* A client whom an older self had accepted; @fd is taken over. */
void satchel_control_server_add_client (SatchelControlServer *server, int fd);
/* What a newer self can go on with: the socket, and clients that wait for no answer. */
typedef void (*SatchelControlFdFunc) (int fd, gboolean is_client, gpointer data);
void satchel_control_server_foreach_fd (SatchelControlServer *server, SatchelControlFdFunc func,
                                        gpointer data);
/* For answers that take their time.  @cancels: the client sent "cancel" while it waits.  @drained: what
 * waited for it has been sent. */
void satchel_control_server_set_long_answers (SatchelControlServer *server, SatchelControlGoneFunc cancels,
                                              SatchelControlGoneFunc drained);
/* Nothing waits for the client to read. */
gboolean satchel_control_client_is_drained (const SatchelControlClient *client);
void satchel_control_server_free (SatchelControlServer *server); /* removes the socket */
/* Splits a request packet: NULL if it is malformed in any way.  Free with g_strfreev. */
char **satchel_control_parse (const void *packet, gsize len);
/* @text is cut into packets.  The client closes after the final one. */
void satchel_control_reply (SatchelControlClient *client, const char *text, gboolean is_final, guint status);
/* Sends what waits, as far as the socket takes it without waiting: before the end of the process. */
void satchel_control_server_flush (SatchelControlServer *server);
