/* SPDX-License-Identifier: MIT
 * Reads members of one JSON object (RFC 8259), for the answers of rspamd.  Pure; takes any bytes, in linear
 * time and without recursion.
 */
#pragma once
#include <satchel/types.h>

#define SPAM_JSON_DEPTH 64u /* nested values; deeper text is refused */

typedef enum
{
  SPAM_JSON_TEXT = 1, /* the value is what stands between the quotes, with its escapes */
  SPAM_JSON_PLAIN,    /* a number, true, false or null, as it stands there */
  SPAM_JSON_NESTED    /* an object or array, which is skipped; there is no value */
} SpamJsonKind;

/* Is told of each member of the outermost object, in order.  @name and @value are not NUL-ended, and
 * borrowed. */
typedef void (*SpamJsonFunc) (const char *name, gsize name_len, SpamJsonKind kind, const char *value,
                              gsize value_len, gpointer data);
/* Reads an object.  FALSE means that the text is no object, or goes on behind its end; @func may have been
 * called for some members by then. */
gboolean spam_json_read (const char *text, gsize len, SpamJsonFunc func, gpointer data);
