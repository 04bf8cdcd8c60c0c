/* SPDX-License-Identifier: MIT
 * Decides: a user's list counts before the score, a threshold before the scanner's own word.
 */
#include "verdict.h"

const char *
spam_verdict_name (SpamVerdict verdict)
{
  switch (verdict)
    {
    case SPAM_INBOX:
      return "inbox";
    case SPAM_JUNK:
      return "junk";
    case SPAM_REFUSE:
      return "refused";
    }
  return "inbox";
}

static SpamDecision
decide_by_score (gint64 score, gint64 threshold)
{
  return (SpamDecision) { score >= threshold ? SPAM_JUNK : SPAM_INBOX, "score" };
}

SpamDecision
spam_decide (const SpamFinding *finding, const SpamThresholds *thresholds, SpamListed listed)
{
  gboolean has_score = finding->score != SPAM_NO_SCORE;
  if (listed == SPAM_LISTED_ALLOW)
    return (SpamDecision) { SPAM_INBOX, "allowed" };
  if (listed == SPAM_LISTED_BLOCK)
    return (SpamDecision) { SPAM_JUNK, "blocked" };
  if (has_score && thresholds->reject != SPAM_NO_SCORE && finding->score >= thresholds->reject)
    return (SpamDecision) { SPAM_REFUSE, "score" };
  if (has_score && thresholds->junk != SPAM_NO_SCORE)
    return decide_by_score (finding->score, thresholds->junk);
  if (finding->has_flag)
    return (SpamDecision) { finding->is_flagged ? SPAM_JUNK : SPAM_INBOX, "flag" };
  if (has_score && finding->required != SPAM_NO_SCORE)
    return decide_by_score (finding->score, finding->required);
  return (SpamDecision) { SPAM_INBOX, "unknown" };
}
