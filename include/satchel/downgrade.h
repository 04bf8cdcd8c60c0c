/* SPDX-License-Identifier: MIT
 * Declares internationalized messages (RFC 6532) for clients that did not ask for them: a surrogate after
 * RFC 6858 that keeps what ASCII can say. Display names and unstructured fields become encoded words (RFC
 * 2047), parameters take the form of RFC 2231, an address that is not ASCII becomes a name with an address
 * that leads nowhere, and a field whose syntax has no such form is renamed and becomes encoded words
 * ("Downgraded-Message-ID", RFC 6857). No field is left out. Lines that are no fields, and fields that are
 * not valid UTF-8 or have a NUL, stay as they are: no mode of any protocol makes them right.
 */
#pragma once
#include <satchel/attributes.h>
#include <satchel/stream.h>

G_BEGIN_DECLS

/* Returns @content with a surrogate for every header block that @attributes names, those of parts and
 * enclosed messages included; a reference to @content itself if none needs one.  @ret_header (may be NULL):
 * the length of the message's header in the result, with its blank line.  The replaced headers are kept in
 * memory, at most a few MiB.  Yours.  [blocks] */
SATCHEL_API SatchelStream *satchel_stream_new_downgraded (SatchelStream *content, GBytes *attributes,
                                                          guint64 *ret_header, GError **error);

G_END_DECLS
