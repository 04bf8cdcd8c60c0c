/* SPDX-License-Identifier: MIT
 * Declares the changes that a filter makes to a header, and the content with these changes.
 */
#pragma once
#include <satchel/stream.h>

typedef struct SatchelHeaderEdit
{
  GString *added;     /* whole fields with CRLF; the first of them comes first in the header */
  GPtrArray *removed; /* char *: names of fields that are removed */
} SatchelHeaderEdit;
void satchel_header_edit_init (SatchelHeaderEdit *edit);
void satchel_header_edit_clear (SatchelHeaderEdit *edit);
gboolean satchel_header_edit_is_empty (const SatchelHeaderEdit *edit);
/* These do what satchel_filter_add_header and satchel_filter_remove_header say. */
gboolean satchel_header_edit_add (SatchelHeaderEdit *edit, const char *name, const char *value,
                                  GError **error);
gboolean satchel_header_edit_remove (SatchelHeaderEdit *edit, const char *name, GError **error);

/* Makes a stream of @below with @edit, which is copied. Nothing is read before the first read; after it the
 * header is in memory. */
SatchelStream *satchel_header_edit_stream (SatchelStream *below, const SatchelHeaderEdit *edit);
