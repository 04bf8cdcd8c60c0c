/* SPDX-License-Identifier: MIT
 * One pass over a message (RFC 5322, RFC 2045-2047) to its attributes blob, whose contents attributes.h
 * reads.  Pure: no files, no globals; fit for a process without rights.
 */
#pragma once
#include <satchel/stream.h>

G_BEGIN_DECLS

/* Bounds of what is looked at.  Content beyond them is kept and served byte for byte, but as one leaf. */
#define SATCHEL_SCAN_HEADER_BYTES (1024u * 1024u) /* of all header blocks of a message together */
#define SATCHEL_SCAN_DEPTH 100u                   /* nested multiparts and messages */
#define SATCHEL_SCAN_PARTS 10000u
#define SATCHEL_SCAN_BOUNDARY_BYTES 998u /* a longer boundary never matches */
#define SATCHEL_SCAN_ADDRESSES 16384u    /* in all ENVELOPEs of a message together; more are left out */

/* Fed front to back in any split (a blob does not depend on it).  Offsets count the bytes fed: feed content
 * as it is served.  Lines may end in CRLF or in a bare LF.  Linear; keeps at most about 2 MiB plus the tree;
 * never recurses. Never fails on bad mail. */
typedef struct SatchelScanner SatchelScanner;
SATCHEL_API SatchelScanner *satchel_scanner_new (void);
SATCHEL_API void satchel_scanner_feed (SatchelScanner *scanner, const void *data, gsize len);
/* Frees the scanner.  The blob is versioned, checksummed and bounded. */
SATCHEL_API GBytes *satchel_scanner_finish (SatchelScanner *scanner);
/* Frees an unfinished one. */
SATCHEL_API void satchel_scanner_free (SatchelScanner *scanner);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelScanner, satchel_scanner_free)

/* All of @content through a scanner. [blocks]; NULL only if reading fails. */
SATCHEL_API GBytes *satchel_scan_stream (SatchelStream *content, GError **error);
/* An empty blob that says "text/plain of @size bytes, no header", for messages marked UNPARSED. */
SATCHEL_API GBytes *satchel_attributes_unparsed (guint64 size);

G_END_DECLS
