/* SPDX-License-Identifier: MIT
 * What several modules need to know about mail: attributes computed once, from a stream.
 */
#pragma once
#include <satchel/stream.h>
G_BEGIN_DECLS
/* One pass over content (fed front to back, any split) to an attributes blob. Never fails on bad mail. */
typedef struct SatchelScanner SatchelScanner;
SATCHEL_API SatchelScanner *satchel_scanner_new (void);
SATCHEL_API void satchel_scanner_feed (SatchelScanner *scanner, const void *data, gsize len);
/* Frees the scanner. The blob is versioned and bounded; see satchel_attributes_*. */
SATCHEL_API GBytes *satchel_scanner_finish (SatchelScanner *scanner);
/* An empty blob that says "text/plain of @size bytes", for messages marked UNPARSED. */
SATCHEL_API GBytes *satchel_attributes_unparsed (guint64 size);
G_END_DECLS
