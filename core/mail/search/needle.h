/* SPDX-License-Identifier: MIT
 * Declares the needles of SEARCH: needle.c makes and compares them, and search.c (kept headers),
 * search_address.c (addresses as ENVELOPE shows them), search_content.c (streams) and keys.c use them.
 */
#pragma once
#include <satchel/search.h>

struct SatchelNeedle
{
  char *text; /* folded UTF-8 */
  gsize len;
  gboolean is_ascii;
};

/* Says whether the needle is in UTF-8 text that is not folded yet. */
gboolean satchel_needle_is_in (const SatchelNeedle *needle, const char *text, gsize len);
/* Says whether the needle is in a raw header value, once encoded words are decoded. */
gboolean satchel_needle_is_in_value (const SatchelNeedle *needle, const char *value, gsize len);
/* Says whether the needle is in text that is folded already. */
gboolean satchel_needle_is_in_folded (const SatchelNeedle *needle, const char *text, gsize len);

gboolean satchel_is_address_field (const char *name);
/* Calls @func with each name and each address of a list, decoded and folded, until it returns TRUE.  Returns
 * whether it did. */
typedef gboolean (*SatchelShownFunc) (const char *folded, gsize len, gpointer data);
gboolean satchel_show_addresses (const char *value, gsize len, SatchelShownFunc func, gpointer data);
/* Says whether the needle is in the value of field @name as it stands, and for addresses also as ENVELOPE
 * shows them. */
gboolean satchel_needle_is_in_field (const SatchelNeedle *needle, const char *name, const char *value,
                                     gsize len);
