/* SPDX-License-Identifier: MIT
 * Messages that must not be scanned, since the scanner crashed on them twice (design §1.4).  Around each scan the thread's
 * breadcrumb names the message: "MAILBOX-ID UID" in a mailbox, "scan SIZE-HASH" on its way in, the same at each try.
 */
#pragma once
#include "core/runtime/breadcrumb.h"
#include <satchel/stream.h>

#define SATCHEL_SUSPECT_HEAD_BYTES 65536u /* so much of the content is hashed */

/* Is @crumb of one of the two forms?  Pure. */
gboolean satchel_suspect_is_valid (const char *crumb);
/* "scan SIZE-HASH": @head is the first SATCHEL_SUSPECT_HEAD_BYTES, or all that there is.  Yours. */
char *satchel_suspect_crumb (const void *head, gsize len, guint64 size);
gboolean satchel_store_is_suspect (const char *crumb);

/* The thread's breadcrumb while a scan runs; the one before comes back. */
typedef struct SatchelScanCrumb
{
  char before[sizeof (((SatchelBreadcrumb *) NULL)->detail)];
} SatchelScanCrumb;
void satchel_scan_crumb_begin (SatchelScanCrumb *scan, const char *crumb);
void satchel_scan_crumb_end (const SatchelScanCrumb *scan);
/* Attributes of a whole message of @size bytes on its way in: scanned under its crumb, or unparsed if it is a suspect. */
GBytes *satchel_scan_spooled (SatchelStream *content, guint64 size, GError **error);
