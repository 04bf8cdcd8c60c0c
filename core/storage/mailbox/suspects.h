/* SPDX-License-Identifier: MIT
 * Declares suspects: messages that must not be scanned, since the scanner crashed on them twice. During each
 * scan the thread's breadcrumb names the message: "MAILBOX-ID UID" in a mailbox, "scan SIZE-HASH" for a
 * message that comes in, the same at each try. "by MODULE MESSAGE" means that the module, a filter or layer,
 * is left out for the message; "user NAME", that the user is not served for a while; "listener NAME USER",
 * that the durable listener is not called for the user.
 */
#pragma once
#include "core/runtime/loop/breadcrumb.h"
#include <satchel/stream.h>

#define SATCHEL_SUSPECT_HEAD_BYTES 65536u /* the number of bytes of the content that are hashed */

#define SATCHEL_SUSPECT_BY "by "
#define SATCHEL_SUSPECT_USER "user "
#define SATCHEL_SUSPECT_LISTENER                                                                             \
  "listener " /* also what the operation of its thread's breadcrumb begins with */
#define SATCHEL_SUSPECT_REFUSE_MS 60000

/* Says whether @crumb names a message, in one of the two forms.  Pure. */
gboolean satchel_suspect_is_valid (const char *crumb);
/* Returns the crumb "scan SIZE-HASH".  @head is the first SATCHEL_SUSPECT_HEAD_BYTES, or the whole content.
 * Trace fields at its start, which differ at each try, do not count.  Yours. */
char *satchel_suspect_crumb (const void *head, gsize len, guint64 size);
gboolean satchel_store_is_suspect (const char *crumb);
/* Says whether @module crashed twice on the message of @crumb. */
gboolean satchel_store_is_suspect_by (const char *module, const char *crumb);
/* Says whether there are any suspects at all. */
gboolean satchel_store_has_suspects (void);
/* Says whether the process before this one just died several times while it worked for @user. */
gboolean satchel_store_refuses_user (const char *user);

/* Says whether the processes before this one died several times while the durable @listener was called for
 * @user. */
gboolean satchel_store_is_suspect_listener (const char *listener, const char *user);

/* Sets the thread's breadcrumb for a scan; the one before is restored afterwards. */
typedef struct SatchelScanCrumb
{
  char before[sizeof (((SatchelBreadcrumb *) NULL)->detail)];
} SatchelScanCrumb;
void satchel_scan_crumb_begin (SatchelScanCrumb *scan, const char *crumb);
void satchel_scan_crumb_end (const SatchelScanCrumb *scan);
/* Returns attributes of a whole message of @size bytes that comes in: it is scanned under its crumb, or left
 * unparsed if it is a suspect. */
GBytes *satchel_scan_spooled (SatchelStream *content, guint64 size, GError **error);
