/* SPDX-License-Identifier: MIT
 * Declares how `satchel` sends requests to a running server.
 */
#pragma once
#include <satchel/error.h>

/* Gets a part of the answer: whole lines, borrowed. */
typedef void (*SatchelControlFunc) (const char *text, gpointer data);

/* Is called each time that a signal comes.  TRUE: the server is asked to cancel, and its answer is waited
 * for; FALSE: the call fails with CANCELLED at once. */
typedef gboolean (*SatchelControlInterruptFunc) (gpointer data);

/* A request.  Members that are NULL or 0 ask for nothing. */
typedef struct SatchelControlCall
{
  const char *run_dir;     /* of the server */
  const char *const *argv; /* "status", "kick" USER, "adopt" USER SLOT and the like, NULL-ended */
  const int *channel_fd;   /* a descriptor that goes along, borrowed */
  SatchelControlFunc func; /* gets the answer part by part */
  gpointer data;           /* for both functions */
  int signal_fd;           /* signalfd(2), looked at if `interrupted` is set */
  SatchelControlInterruptFunc interrupted;
  gboolean waits_for_end; /* also wait until the server's process has ended, if it answers that it will */
  guint timeout_ms;       /* without a word; 0: longer than the server lets a configuration be read */
} SatchelControlCall;

/* Asks the server, and blocks until the whole answer is there.  *ret_status: exit status, 0 fine.  Errors:
 * UNAVAILABLE no server runs there, ACCESS, TIMEOUT, CANCELLED, IO. */
gboolean satchel_control_call (const SatchelControlCall *call, guint *ret_status, GError **error);
/* Does the same for a plain request, whose answer is appended to @answer; what is beyond 64 MiB of it is left
 * out. */
gboolean satchel_control_ask (const char *run_dir, const char *const *argv, GString *answer,
                              guint *ret_status, GError **error);
/* Is such a `func`, for a GString. */
void satchel_control_collect (const char *text, gpointer data);
