/* SPDX-License-Identifier: MIT
 * Declares the scanner that makes attributes of content while it comes in; message.h has its bounds.
 */
#pragma once
#include <satchel/message.h>

/* A scanner is fed from front to back in pieces of any size, and its blob does not depend on how the content
 * was cut. Offsets in the blob count the bytes that were fed, which are those that clients will be served.
 * Lines may end in CRLF or in a bare LF. The time is linear; at most about 2 MiB and the tree of parts are
 * held. Bad mail is no error. */
typedef struct SatchelScanner SatchelScanner;
SatchelScanner *satchel_scanner_new (void);
void satchel_scanner_feed (SatchelScanner *scanner, const void *data, gsize len);
/* Ends the content and frees the scanner.  The blob is the caller's. */
GBytes *satchel_scanner_finish (SatchelScanner *scanner);
/* Frees a scanner that was not finished. */
void satchel_scanner_free (SatchelScanner *scanner);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelScanner, satchel_scanner_free)

/* Returns an empty blob that says "text/plain of @size bytes, no header": for messages marked UNPARSED. */
GBytes *satchel_attributes_unparsed (guint64 size);
