/* SPDX-License-Identifier: MIT
 * Between search.c (needles, kept headers) and search_content.c (streams).
 */
#pragma once
#include <satchel/search.h>

struct SatchelNeedle
{
  char *text; /* folded UTF-8 */
  gsize len;
  gboolean is_ascii;
};

/* In text that is folded already. */
gboolean satchel_needle_is_in_folded (const SatchelNeedle *needle, const char *text, gsize len);
