/* SPDX-License-Identifier: MIT
 * Declares case folding: what SEARCH, SORT and THREAD compare.
 */
#pragma once
#include <satchel/types.h>

/* Returns the form of text that SEARCH compares: full Unicode case folding of titlecased text in NFC, with
 * its diacritics. Invalid bytes become U+FFFD; pure ASCII is lower-cased. The caller owns the result. */
char *satchel_casefold (const char *text, gsize len, gsize *ret_len);
/* Returns the form of text whose bytes SORT and THREAD compare: i;unicode-casemap (RFC 5051), with
 * compatibility decompositions. Invalid bytes become U+FFFD. The caller owns the result. */
char *satchel_casemap (const char *text, gsize len, gsize *ret_len);

/* Folds ASCII letters only, in place; other bytes stay. */
void satchel_ascii_lower (char *text, gsize len);
/* Appends the folded form of @text, which must be valid UTF-8. */
void satchel_casefold_append (const char *text, gsize len, GString *out);
/* Returns how many bytes of @text may be folded before the text behind it is known; the rest, at most 1 KiB,
 * has to wait. */
gsize satchel_casefold_safe_length (const char *text, gsize len);
