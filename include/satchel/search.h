/* SPDX-License-Identifier: MIT
 * Declares text search after RFC 3501 6.4.4: substrings without case, in decoded header fields and decoded
 * text parts.
 */
#pragma once
#include <satchel/stream.h>

G_BEGIN_DECLS

/* A needle is a text to look for; immutable, any thread. @text is UTF-8 (see satchel_charset_to_utf8_strict),
 * of which at most 1 KiB is used. The empty needle is in everything. */
typedef struct SatchelNeedle SatchelNeedle;
SATCHEL_API SatchelNeedle *satchel_needle_new (const char *text, gsize len);
SATCHEL_API void satchel_needle_free (SatchelNeedle *needle);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelNeedle, satchel_needle_free)

typedef enum
{
  SATCHEL_MATCH_UNKNOWN = 0, /* the blob does not have the field: ask satchel_search_content */
  SATCHEL_MATCH_NO,
  SATCHEL_MATCH_YES
} SatchelMatch;
/* Searches SUBJECT, FROM, TO, CC, BCC and HEADER in the blob alone (names that it keeps), without I/O: in a
 * field as it stands and, for addresses, also as ENVELOPE shows them, without comments, folding and
 * quoting. */
SATCHEL_API SatchelMatch satchel_search_header (GBytes *attributes, const char *name,
                                                const SatchelNeedle *needle);

typedef enum
{
  SATCHEL_SEARCH_HEADER = 1, /* field `name` of the message */
  SATCHEL_SEARCH_BODY,       /* text parts, and headers of enclosed messages; HTML as it stands */
  SATCHEL_SEARCH_TEXT        /* all header fields ("Name: value"), those of parts as well, and bodies */
} SatchelSearchKind;
typedef struct SatchelSearchTerm
{
  SatchelSearchKind kind;
  const char *name; /* HEADER only */
  const SatchelNeedle *needle;
  gboolean is_found; /* out */
  SATCHEL_RESERVED (2);
} SatchelSearchTerm;
/* Looks for all terms in one pass over @content, and stops when all are found.  Its memory is bounded. FALSE
 * means that @content could not be read.  [blocks] */
SATCHEL_API gboolean satchel_search_content (GBytes *attributes, SatchelStream *content,
                                             SatchelSearchTerm *terms, guint n_terms, GError **error);

G_END_DECLS
