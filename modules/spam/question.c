/* SPDX-License-Identifier: MIT
 * Packs and unpacks questions and answers between mail process and helper.
 */
#include "question.h"

#include <string.h>

#define UNKNOWN "\x01" /* in the place of a string that is NULL */

enum
{
  AT_ASK = 0,
  AT_USER,
  AT_SENDER,
  AT_ID,
  AT_ADDRESS,
  AT_NAME,
  AT_HELO,
  AT_RECIPIENTS
};

static const char *const asks[SPAM_N_ASKS] = {
  [SPAM_ASK_CHECK] = "check", [SPAM_ASK_LEARN_SPAM] = "spam", [SPAM_ASK_LEARN_HAM] = "ham"
};

/* A string goes into lines of a protocol, where a control character would begin another one. */
static const char *
or_unknown (const char *text)
{
  for (const char *c = text; c != NULL && *c != '\0'; c++)
    if ((guchar) *c < ' ' || *c == 0x7f)
      return UNKNOWN;
  return text != NULL ? text : UNKNOWN;
}

GBytes *
spam_question_pack (const SpamQuestion *question)
{
  const char *texts[AT_RECIPIENTS + SPAM_RECIPIENTS_MAX + 1] = {
    [AT_ASK] = asks[question->ask],
    [AT_USER] = or_unknown (question->user),
    [AT_SENDER] = or_unknown (question->sender),
    [AT_ID] = or_unknown (question->id),
    [AT_ADDRESS] = or_unknown (question->client_address),
    [AT_NAME] = or_unknown (question->client_name),
    [AT_HELO] = or_unknown (question->helo),
  };
  for (guint i = 0;
       question->recipients != NULL && question->recipients[i] != NULL && i < SPAM_RECIPIENTS_MAX; i++)
    texts[AT_RECIPIENTS + i] = or_unknown (question->recipients[i]);
  return satchel_helper_pack (texts);
}

static const char *
or_null (const char *text)
{
  return strcmp (or_unknown (text), UNKNOWN) != 0 ? text : NULL;
}

gboolean
spam_question_unpack (GBytes *request, SpamQuestion *ret_question, const char ***ret_texts)
{
  g_autofree const char **texts = satchel_helper_unpack (request, AT_RECIPIENTS + SPAM_RECIPIENTS_MAX);
  guint n = 0;
  while (texts != NULL && texts[n] != NULL)
    n++;
  for (guint i = AT_RECIPIENTS; i < n; i++)
    if (or_null (texts[i]) == NULL)
      texts[i] = "";
  for (SpamAsk ask = 0; n >= AT_RECIPIENTS && ask < SPAM_N_ASKS; ask++)
    if (strcmp (texts[AT_ASK], asks[ask]) == 0)
      {
        *ret_question = (SpamQuestion) { .ask = ask,
                                         .user = or_null (texts[AT_USER]),
                                         .sender = or_null (texts[AT_SENDER]),
                                         .id = or_null (texts[AT_ID]),
                                         .client_address = or_null (texts[AT_ADDRESS]),
                                         .client_name = or_null (texts[AT_NAME]),
                                         .helo = or_null (texts[AT_HELO]),
                                         .recipients = texts + AT_RECIPIENTS };
        *ret_texts = g_steal_pointer (&texts);
        return TRUE;
      }
  return FALSE;
}

static char *
score_text (gint64 score)
{
  return score != SPAM_NO_SCORE ? spam_score_format (score) : g_strdup ("?");
}

GBytes *
spam_finding_pack (const SpamFinding *finding)
{
  g_autofree char *score = score_text (finding->score), *required = score_text (finding->required);
  const char *texts[] = { !finding->has_flag ? "?" : finding->is_flagged ? "+" : "-", score, required, NULL };
  return satchel_helper_pack (texts);
}

static gboolean
parse_score (const char *text, gint64 *ret_score)
{
  const char *end = text + strlen (text);
  *ret_score = SPAM_NO_SCORE;
  return strcmp (text, "?") == 0 || (spam_score_take (&text, end, ret_score) && text == end);
}

gboolean
spam_finding_unpack (GBytes *reply, SpamFinding *ret_finding)
{
  g_autofree const char **texts = satchel_helper_unpack (reply, 3);
  SpamFinding finding = SPAM_FINDING_NONE;
  if (texts == NULL || texts[0] == NULL || texts[1] == NULL || texts[2] == NULL
      || !parse_score (texts[1], &finding.score) || !parse_score (texts[2], &finding.required))
    return FALSE;
  finding.is_flagged = strcmp (texts[0], "+") == 0;
  finding.has_flag = finding.is_flagged || strcmp (texts[0], "-") == 0;
  *ret_finding = finding;
  return TRUE;
}

static const char *const learnts[] = {
  [SPAM_LEARNT] = "learnt", [SPAM_LEARNT_BEFORE] = "before", [SPAM_NOT_LEARNT] = "not"
};

GBytes *
spam_learnt_pack (SpamLearnt learnt)
{
  return satchel_helper_pack ((const char *const[]) { learnts[learnt], NULL });
}

gboolean
spam_learnt_unpack (GBytes *reply, SpamLearnt *ret_learnt)
{
  g_autofree const char **texts = satchel_helper_unpack (reply, 1);
  for (SpamLearnt learnt = 0; texts != NULL && texts[0] != NULL && learnt < G_N_ELEMENTS (learnts); learnt++)
    if (strcmp (texts[0], learnts[learnt]) == 0)
      {
        *ret_learnt = learnt;
        return TRUE;
      }
  return FALSE;
}
