/* SPDX-License-Identifier: MIT
 * Scores of scanners as whole thousandths: exact, and the same in every locale.
 */
#pragma once
#include <satchel/types.h>

#define SPAM_NO_SCORE G_MININT64 /* unset, or switched off */
#define SPAM_SCORE_MAX (G_GINT64_CONSTANT (1000000) * 1000)

/* Reads "-12.345" at *@at, at most up to @end: an optional sign, digits, and optional digits behind a point,
 * of which three count.  FALSE means that there is no number, or one beyond SPAM_SCORE_MAX.  *@at is behind
 * it then, and else where it was. */
gboolean spam_score_take (const char **at, const char *end, gint64 *ret_score);
/* Writes "12.345" with as few digits as it takes; yours. */
char *spam_score_format (gint64 score);
