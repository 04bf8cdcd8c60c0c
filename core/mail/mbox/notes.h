/* SPDX-License-Identifier: MIT
 * Names the fields that the writer of mbox files puts at the end of a header, in this order.
 */
#pragma once
#include "core/mail/mbox/mbox.h"

#define SATCHEL_MBOX_STATUS "Status"
#define SATCHEL_MBOX_X_STATUS "X-Status"
#define SATCHEL_MBOX_KEYWORDS "X-Keywords"
/* This field says what the content lacks that an mbox file needs.  It is left out if nothing is lacking. */
#define SATCHEL_MBOX_FIELD_END "X-Satchel-End"
#define SATCHEL_MBOX_END_NO_NEWLINE "no-newline"
#define SATCHEL_MBOX_END_NO_BODY "no-body"
#define SATCHEL_MBOX_END_NO_LINE "no-line" /* the content has neither a body nor an end of its last line */

/* Returns the number of fields before the writer's notes, if the header ends with them; else G_MAXUINT. */
guint satchel_mbox_find_own_notes (const char *header, gsize len);

/* So many bytes of a line that begins with '>' are looked at; a line with more of them is never quoted. */
#define SATCHEL_MBOX_QUOTE_BYTES 1024u
