/* SPDX-License-Identifier: MIT
 * Messages that must not be scanned, since the scanner crashed on them twice (design §1.4).  Around each scan
 * the thread's breadcrumb names the message: "MAILBOX-ID UID" in a mailbox, "scan SIZE-HASH" on its way in,
 * the same at each try. "by MODULE MESSAGE": that module, a filter or layer, is passed by for it.  "user
 * NAME": is not served for a while.
 */
#pragma once
#include "core/runtime/breadcrumb.h"
#include <satchel/stream.h>

#define SATCHEL_SUSPECT_HEAD_BYTES 65536u /* so much of the content is hashed */

#define SATCHEL_SUSPECT_BY "by "
#define SATCHEL_SUSPECT_USER "user "
#define SATCHEL_SUSPECT_REFUSE_MS 60000

/* Does @crumb name a message, in one of the two forms?  Pure. */
gboolean satchel_suspect_is_valid (const char *crumb);
/* "scan SIZE-HASH": @head is the first SATCHEL_SUSPECT_HEAD_BYTES, or all that there is.  Trace fields at its
 * start, which differ at each try, count as nothing.  Yours. */
char *satchel_suspect_crumb (const void *head, gsize len, guint64 size);
gboolean satchel_store_is_suspect (const char *crumb);
/* Has @module crashed twice on the message of @crumb? */
gboolean satchel_store_is_suspect_by (const char *module, const char *crumb);
/* Are there any at all? */
gboolean satchel_store_has_suspects (void);
/* Was this process's predecessor brought down for @user again and again, just now? */
gboolean satchel_store_refuses_user (const char *user);

/* The thread's breadcrumb while a scan runs; the one before comes back. */
typedef struct SatchelScanCrumb
{
  char before[sizeof (((SatchelBreadcrumb *) NULL)->detail)];
} SatchelScanCrumb;
void satchel_scan_crumb_begin (SatchelScanCrumb *scan, const char *crumb);
void satchel_scan_crumb_end (const SatchelScanCrumb *scan);
/* Attributes of a whole message of @size bytes on its way in: scanned under its crumb, or unparsed if it is a
 * suspect. */
GBytes *satchel_scan_spooled (SatchelStream *content, guint64 size, GError **error);
