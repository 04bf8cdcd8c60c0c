/* SPDX-License-Identifier: MIT
 * Messages with UTF-8 in their headers (RFC 6532) for clients that did not ask for it: a surrogate after RFC 6858, which
 * keeps what ASCII can say.  Display names and unstructured fields become encoded words (RFC 2047), parameters RFC 2231; an
 * address that is not ASCII becomes a name with an address that leads nowhere; structured fields that have no such form
 * are left out.  Fields that are not valid UTF-8 stay as they are: no mode of any protocol makes them right.
 */
#pragma once
#include <satchel/attributes.h>
#include <satchel/stream.h>

G_BEGIN_DECLS

/* A field in @block (a header block) is valid UTF-8 and not ASCII. */
SATCHEL_API gboolean satchel_header_needs_utf8 (const char *block, gsize len);
/* Appends @block with these fields replaced or left out, and everything else as it is.  Linear; at most 4 times as long. */
SATCHEL_API void satchel_header_downgrade (const char *block, gsize len, GString *out);

/* @content with every header block that @attributes names downgraded, those of parts and enclosed messages too; a reference
 * to @content itself if none needs it.  Keeps what was replaced in memory, at most a few MiB.  [blocks] */
SATCHEL_API SatchelStream *satchel_stream_new_downgraded (SatchelStream *content, GBytes *attributes, GError **error);

G_END_DECLS
