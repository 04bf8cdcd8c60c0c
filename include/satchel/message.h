/* SPDX-License-Identifier: MIT
 * Declares the attributes blob of a message (RFC 5322, RFC 2045-2047), made in one pass; attributes.h reads
 * it. Pure: no files, no globals; fit for a process without rights.
 */
#pragma once
#include <satchel/stream.h>

G_BEGIN_DECLS

/* The parser has these bounds. Content beyond them is kept and served byte for byte, but as one leaf. */
#define SATCHEL_SCAN_HEADER_BYTES (1024u * 1024u) /* all header blocks of a message together */
#define SATCHEL_SCAN_DEPTH 100u                   /* nested multiparts and messages */
#define SATCHEL_SCAN_PARTS 10000u
#define SATCHEL_SCAN_BOUNDARY_BYTES 998u /* a longer boundary never matches */
#define SATCHEL_SCAN_ADDRESSES                                                                               \
  16384u /* all ENVELOPEs of a message together; further addresses are left out */

/* Returns the attributes of @content, which is read once from front to back.  Lines may end in CRLF or in a
 * bare LF. Offsets in the blob count the bytes that were read, so @content is what clients will be served.
 * The time is linear; at most about 2 MiB and the tree of parts are held.  Bad mail is no error: NULL with
 * @error only if reading fails.  [blocks] */
SATCHEL_API GBytes *satchel_scan_stream (SatchelStream *content, GError **error);

G_END_DECLS
