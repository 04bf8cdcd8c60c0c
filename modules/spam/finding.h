/* SPDX-License-Identifier: MIT
 * What a scanner found about a message, wherever it was read: a field of the header, or the scanner's answer.
 */
#pragma once
#include "score.h"

typedef struct SpamFinding
{
  gboolean has_flag, is_flagged; /* the scanner itself says whether it is spam */
  gint64 score, required;        /* SPAM_NO_SCORE: not known */
  const char *source;            /* a static word for logs: "rspamd-header", ...; NULL: nothing was found */
} SpamFinding;
#define SPAM_FINDING_NONE ((SpamFinding) { FALSE, FALSE, SPAM_NO_SCORE, SPAM_NO_SCORE, NULL })
