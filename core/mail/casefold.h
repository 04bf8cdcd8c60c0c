/* SPDX-License-Identifier: MIT
 * Case folding piece by piece.
 */
#pragma once
#include <satchel/types.h>

/* ASCII letters only, in place; other bytes stay. */
void satchel_ascii_lower (char *text, gsize len);
/* @text: valid UTF-8. */
void satchel_casefold_append (const char *text, gsize len, GString *out);
/* How much of @text may be folded before what follows is known; the rest (at most 1 KiB) waits. */
gsize satchel_casefold_safe_length (const char *text, gsize len);
