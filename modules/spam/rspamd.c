/* SPDX-License-Identifier: MIT
 * rspamd's HTTP protocol (rspamd.com/doc/developers/protocol.html): the envelope in fields of the request,
 * the message as its body, JSON in the answer.  Requests are HTTP/1.0, so that answers have no chunks.
 */
#include "scanner.h"

#include "answer.h"
#include "json.h"

#include <string.h>

static const char *const paths[SPAM_N_ASKS] = {
  [SPAM_ASK_CHECK] = "/checkv2", [SPAM_ASK_LEARN_SPAM] = "/learnspam", [SPAM_ASK_LEARN_HAM] = "/learnham"
};

static void
append_field (GString *head, const char *name, const char *value)
{
  if (value != NULL && *value != '\0')
    g_string_append_printf (head, "%s: %s\r\n", name, value);
}

static char *
rspamd_head (const SpamQuestion *question, guint64 content_bytes, const char *password)
{
  GString *head = g_string_new (NULL);
  g_string_printf (
      head,
      "POST %s HTTP/1.0\r\nHost: rspamd\r\nConnection: close\r\nContent-Length: %" G_GUINT64_FORMAT "\r\n",
      paths[question->ask], content_bytes);
  append_field (head, "Password", password);
  append_field (head, "Queue-Id", question->id);
  append_field (head, "Deliver-To", question->user);
  append_field (head, "IP", question->client_address);
  append_field (head, "Hostname", question->client_name);
  append_field (head, "Helo", question->helo);
  append_field (head, "From", question->sender);
  for (guint i = 0; question->recipients != NULL && question->recipients[i] != NULL; i++)
    append_field (head, "Rcpt", question->recipients[i]);
  g_string_append (head, "\r\n");
  return g_string_free (head, FALSE);
}

typedef struct Said
{
  SpamFinding finding;
  gboolean has_action, is_success, has_error,
      is_known; /* is_known: the error says that it was learnt before */
} Said;

static gboolean
is_text (const char *text, gsize len, const char *expected)
{
  return len == strlen (expected) && memcmp (text, expected, len) == 0;
}

static void
take_action (Said *said, const char *action, gsize len)
{
  static const char *const spam[] = { "reject", "add header", "rewrite subject", "quarantine" };
  said->has_action = said->finding.has_flag = TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (spam); i++)
    said->finding.is_flagged = said->finding.is_flagged || is_text (action, len, spam[i]);
}

static void
take_member (const char *name, gsize name_len, SpamJsonKind kind, const char *value, gsize value_len,
             gpointer data)
{
  Said *said = data;
  if (is_text (name, name_len, "score") && kind == SPAM_JSON_PLAIN)
    spam_score_take (&value, value + value_len, &said->finding.score);
  else if (is_text (name, name_len, "action") && kind == SPAM_JSON_TEXT)
    take_action (said, value, value_len);
  else if (is_text (name, name_len, "error") && kind == SPAM_JSON_TEXT)
    {
      said->has_error = TRUE;
      said->is_known = g_strstr_len (value, (gssize) value_len, "already learned") != NULL;
    }
  else if (is_text (name, name_len, "success") && kind == SPAM_JSON_PLAIN)
    said->is_success = is_text (value, value_len, "true");
}

/* A message that was learnt before has status 404, in later releases 208; one that is too short, or of which
 * rspamd is sure already, 204 or another one of 4xx. */
static gboolean
read_learnt (const SpamAnswer *answer, const Said *said, SpamLearnt *ret_learnt)
{
  if (answer->status == 200 && said->is_success)
    *ret_learnt = SPAM_LEARNT;
  else if (answer->status == 208 || (answer->status == 404 && said->is_known))
    *ret_learnt = SPAM_LEARNT_BEFORE;
  else if (answer->status == 204 || (answer->status / 100 == 4 && said->has_error))
    *ret_learnt = SPAM_NOT_LEARNT;
  else
    return FALSE;
  return TRUE;
}

static gboolean
rspamd_read (SpamAsk ask, const char *text, gsize len, SpamReply *ret_reply, GError **error)
{
  SpamAnswer answer;
  Said said = { .finding = SPAM_FINDING_NONE };
  if (!spam_answer_read (text, len, "HTTP/1.", &answer))
    return satchel_error_set (error, SATCHEL_ERROR_FAILED, "what rspamd answers is no whole HTTP");
  if (answer.status == 401 || answer.status == 403)
    return satchel_error_set (error, SATCHEL_ERROR_NOPERM,
                              "rspamd does not take the password, or not from this address (status %u): see "
                              "spam.password, and secure_ip in rspamd's worker-controller.inc",
                              answer.status);
  gboolean is_json = spam_json_read (answer.body, answer.body_len, take_member, &said);
  SpamReply reply = { .finding = said.finding };
  gboolean ok = ask == SPAM_ASK_CHECK ? answer.status == 200 && is_json && said.has_action
                                      : read_learnt (&answer, &said, &reply.learnt);
  if (!ok)
    return satchel_error_set (error, SATCHEL_ERROR_FAILED, "rspamd answers with status %u and %s",
                              answer.status, is_json ? "no verdict" : "no JSON");
  *ret_reply = reply;
  return TRUE;
}

const SpamScanner spam_rspamd = { rspamd_head, rspamd_read };
