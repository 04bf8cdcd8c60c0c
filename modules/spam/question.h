/* SPDX-License-Identifier: MIT
 * What the mail process asks the helper, and what it hears: texts, packed by satchel_helper_pack.  Each side
 * checks what the other says.
 */
#pragma once
#include "finding.h"

#include <satchel/helper.h>

#define SPAM_RECIPIENTS_MAX 50u /* that a scanner is told of */

typedef enum
{
  SPAM_ASK_CHECK = 0,
  SPAM_ASK_LEARN_SPAM,
  SPAM_ASK_LEARN_HAM,
  SPAM_N_ASKS
} SpamAsk;

/* Strings are borrowed; none has control characters, or it counts as unknown.  NULL: unknown. */
typedef struct SpamQuestion
{
  SpamAsk ask;
  const char *user;   /* whose Bayes it is; NULL: everybody's */
  const char *sender; /* of the envelope; "": the null sender */
  const char *id, *client_address, *client_name, *helo;
  const char *const *recipients; /* NULL-ended; at most SPAM_RECIPIENTS_MAX are told */
} SpamQuestion;
GBytes *spam_question_pack (const SpamQuestion *question); /* yours */
/* Reads a question.  FALSE means that @request is none.  @ret_texts holds the strings: free it with g_free
 * after the last use. */
gboolean spam_question_unpack (GBytes *request, SpamQuestion *ret_question, const char ***ret_texts);

typedef enum
{
  SPAM_LEARNT = 0,
  SPAM_LEARNT_BEFORE, /* the scanner has learnt the message already */
  SPAM_NOT_LEARNT     /* the scanner does not want this message, and will not */
} SpamLearnt;

GBytes *spam_finding_pack (const SpamFinding *finding); /* yours; without `source` */
gboolean spam_finding_unpack (GBytes *reply, SpamFinding *ret_finding);
GBytes *spam_learnt_pack (SpamLearnt learnt); /* yours */
gboolean spam_learnt_unpack (GBytes *reply, SpamLearnt *ret_learnt);
