/* SPDX-License-Identifier: MIT
 * What becomes of a message for one user: pure.
 */
#pragma once
#include "lists.h"
#include "settings.h"

typedef enum
{
  SPAM_INBOX = 0,
  SPAM_JUNK,
  SPAM_REFUSE
} SpamVerdict;

typedef struct SpamDecision
{
  SpamVerdict verdict;
  /* A static word for logs and counters: "score", "flag", "allowed", "blocked", "unknown". */
  const char *reason;
} SpamDecision;

SpamDecision spam_decide (const SpamFinding *finding, const SpamThresholds *thresholds, SpamListed listed);
const char *spam_verdict_name (SpamVerdict verdict); /* "inbox", "junk", "refused" */
