/* SPDX-License-Identifier: MIT
 * Both ends of helper calls (<satchel/helper.h>), over links that the roles give: helper_calls.c in gate,
 * auth and mail, helper_serve.c in the helper, helper_wire.c for the form of messages. Everything belongs
 * to the main thread.
 */
#pragma once
#include <satchel/helper.h>

#include "core/runtime/ipc/ipc.h"

/* Sends @message (taken over) to the other end. FALSE means that the other end is away. */
typedef gboolean (*SatchelHelperSendFunc) (gpointer data, SatchelIpcMessage *message);

/* Adds @bytes to a message.  *ret_fd is a descriptor that the caller closes once the message was sent; -1:
 * there is none.  FALSE means that @bytes are longer than SATCHEL_HELPER_BYTES_MAX, or there is no memory. */
gboolean satchel_helper_put_bytes (SatchelIpcMessage *message, GBytes *bytes, int *ret_fd);
/* Takes bytes out of a message. NULL means that they are not acceptable. */
GBytes *satchel_helper_take_bytes (SatchelIpcMessage *message);
/* Adds an error in the place of an answer. */
void satchel_helper_put_error (SatchelIpcMessage *message, SatchelErrorCode code, const char *why);
/* Takes an answer out of a message: u32 0 and bytes, or an error. NULL without @error means that it is not
 * acceptable. */
GBytes *satchel_helper_take_answer (SatchelIpcMessage *message, GError **error);

/* Sets bounds for all helpers together: calls without an answer, and their content. */
void satchel_helper_calls_set_limits (guint calls, guint64 content_bytes);
/* Notes that the helper of @module can be reached by @send from now on. */
void satchel_helper_calls_up (const char *module, SatchelHelperSendFunc send, gpointer data);
/* Notes that the helper of @module cannot be reached; its calls fail. */
void satchel_helper_calls_down (const char *module);
/* Takes a message of the helper. FALSE means that it is malformed. */
gboolean satchel_helper_calls_message (const char *module, SatchelIpcMessage *message);
/* Returns the number of calls without an answer, over all helpers. */
guint satchel_helper_calls_n (void);

typedef struct SatchelHelperCaller SatchelHelperCaller;
/* Starts serving. @max_waiting: most calls of one caller that wait or are worked on; @overdue_ms: how long
 * after its deadline a call may be unanswered. */
void satchel_helper_serve_init (const SatchelHelperOps *ops, guint max_waiting, gint64 overdue_ms);
SatchelHelperCaller *satchel_helper_caller_new (SatchelHelperSendFunc send, gpointer data);
/* Forgets a caller that has gone, and cancels its calls. */
void satchel_helper_caller_free (SatchelHelperCaller *caller);
gboolean satchel_helper_caller_message (SatchelHelperCaller *caller, SatchelIpcMessage *message);
/* Makes the process at the other end of @fd start processes for this one (core/daemon/role/launcher.h), from
 * now on. */
void satchel_helper_set_launcher (int fd);
void satchel_helper_serve_counts (guint *ret_running, guint *ret_waiting, guint64 *ret_answered);
