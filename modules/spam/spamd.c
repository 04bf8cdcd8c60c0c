/* SPDX-License-Identifier: MIT
 * The protocol of SpamAssassin's spamd, SPAMC/1.5 (spamd/PROTOCOL in its source).
 */
#include "scanner.h"

#include "answer.h"

#include <string.h>

static char *
spamd_head (const SpamQuestion *question, guint64 content_bytes, const char *password)
{
  GString *head =
      g_string_new (question->ask == SPAM_ASK_CHECK ? "SYMBOLS SPAMC/1.5\r\n" : "TELL SPAMC/1.5\r\n");
  g_string_append_printf (head, "Content-length: %" G_GUINT64_FORMAT "\r\n", content_bytes);
  if (question->user != NULL)
    g_string_append_printf (head, "User: %s\r\n", question->user);
  if (question->ask != SPAM_ASK_CHECK)
    g_string_append_printf (head, "Message-class: %s\r\nSet: local\r\n",
                            question->ask == SPAM_ASK_LEARN_SPAM ? "spam" : "ham");
  g_string_append (head, "\r\n");
  return g_string_free (head, FALSE);
}

/* Reads "True ; 15.3 / 5.0". */
static gboolean
read_spam (const char *value, SpamFinding *ret_finding)
{
  SpamFinding finding = { .has_flag = TRUE, .is_flagged = g_ascii_strncasecmp (value, "True", 4) == 0 };
  const char *end = value + strlen (value), *score = strchr (value, ';'), *required = strchr (value, '/');
  if ((!finding.is_flagged && g_ascii_strncasecmp (value, "False", 5) != 0) || score == NULL
      || required == NULL)
    return FALSE;
  for (score++; *score == ' '; score++)
    ;
  for (required++; *required == ' '; required++)
    ;
  if (!spam_score_take (&score, end, &finding.score) || !spam_score_take (&required, end, &finding.required))
    return FALSE;
  *ret_finding = finding;
  return TRUE;
}

static gboolean
spamd_read (SpamAsk ask, const char *text, gsize len, SpamReply *ret_reply, GError **error)
{
  SpamAnswer answer;
  SpamReply reply = { .finding = SPAM_FINDING_NONE };
  if (!spam_answer_read (text, len, "SPAMD/", &answer))
    return satchel_error_set (error, SATCHEL_ERROR_FAILED, "what spamd answers is no whole answer");
  if (answer.status == 69 && ask != SPAM_ASK_CHECK)
    return satchel_error_set (error, SATCHEL_ERROR_NOPERM,
                              "spamd does not learn (69 EX_UNAVAILABLE): start it with --allow-tell");
  if (answer.status != 0)
    return satchel_error_set (error, SATCHEL_ERROR_FAILED, "spamd answers with status %u", answer.status);
  if (ask == SPAM_ASK_CHECK)
    {
      g_autofree char *spam = spam_answer_field (&answer, "Spam");
      if (spam == NULL || !read_spam (spam, &reply.finding))
        return satchel_error_set (error, SATCHEL_ERROR_FAILED, "spamd answers without a verdict");
    }
  else
    {
      /* Without the field it had learnt the message before. */
      g_autofree char *did = spam_answer_field (&answer, "DidSet");
      reply.learnt = did != NULL ? SPAM_LEARNT : SPAM_LEARNT_BEFORE;
    }
  *ret_reply = reply;
  return TRUE;
}

const SpamScanner spam_spamd = { spamd_head, spamd_read };
