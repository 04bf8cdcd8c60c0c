/* SPDX-License-Identifier: MIT
 * Both ends of helper calls (<satchel/helper.h>) over links that the roles bring: helper_calls.c in gate,
 * auth and mail, helper_serve.c in the helper, helper_wire.c what both put into messages.  Main thread.
 */
#pragma once
#include <satchel/helper.h>

#include "core/runtime/ipc.h"

/* Sends @message (taken over) to the other end; FALSE: it is away. */
typedef gboolean (*SatchelHelperSendFunc) (gpointer data, SatchelIpcMessage *message);

/* *ret_fd: to be closed once the message was sent; -1: none.  FALSE: longer than SATCHEL_HELPER_BYTES_MAX, or
 * no memory. */
gboolean satchel_helper_put_bytes (SatchelIpcMessage *message, GBytes *bytes, int *ret_fd);
/* NULL: not acceptable. */
GBytes *satchel_helper_take_bytes (SatchelIpcMessage *message);

/* Bounds for all helpers together: calls that have no answer yet, and their contents. */
void satchel_helper_calls_set_limits (guint calls, guint64 content_bytes);
/* The helper of @module can be reached by @send from now on. */
void satchel_helper_calls_up (const char *module, SatchelHelperSendFunc send, gpointer data);
/* It cannot: its calls fail. */
void satchel_helper_calls_down (const char *module);
/* A message of its.  FALSE: rubbish. */
gboolean satchel_helper_calls_message (const char *module, SatchelIpcMessage *message);
/* Without an answer, over all helpers. */
guint satchel_helper_calls_n (void);

typedef struct SatchelHelperCaller SatchelHelperCaller;
/* @max_waiting: calls of one caller that wait or are worked on; @overdue_ms: how long after its end a call
 * may be unanswered. */
void satchel_helper_serve_init (const SatchelHelperOps *ops, guint max_waiting, gint64 overdue_ms);
SatchelHelperCaller *satchel_helper_caller_new (SatchelHelperSendFunc send, gpointer data);
/* It is gone: its calls are cancelled. */
void satchel_helper_caller_free (SatchelHelperCaller *caller);
gboolean satchel_helper_caller_message (SatchelHelperCaller *caller, SatchelIpcMessage *message);
void satchel_helper_serve_counts (guint *ret_running, guint *ret_waiting, guint64 *ret_answered);
