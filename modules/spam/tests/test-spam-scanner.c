/* SPDX-License-Identifier: MIT
 * What scanners say and are told, without one: JSON, answers of rspamd and spamd, the words between mail
 * process and helper, the breaker.
 */
#include "config.h"

#include "answer.h"
#include "breaker.h"
#include "json.h"
#include "scanner.h"

#include <string.h>

/* ---- JSON ---- */

static void
add_member (const char *name, gsize name_len, SpamJsonKind kind, const char *value, gsize value_len,
            gpointer data)
{
  GString *text = data;
  g_string_append_len (text, name, (gssize) name_len);
  g_string_append (text, kind == SPAM_JSON_TEXT ? "='" : kind == SPAM_JSON_PLAIN ? "=" : "{}");
  if (kind != SPAM_JSON_NESTED)
    g_string_append_len (text, value, (gssize) value_len);
  g_string_append (text, kind == SPAM_JSON_TEXT ? "' " : " ");
}

/* NULL: it is no object. */
static void
check_json (const char *json, const char *expected)
{
  g_autoptr (GString) text = g_string_new (NULL);
  gboolean ok = spam_json_read (json, strlen (json), add_member, text);
  g_assert_cmpstr (ok ? text->str : NULL, ==, expected);
}

static void
test_json (void)
{
  check_json ("{}", "");
  check_json (" { \"a\" : -1.5e3 , \"b\":\"x\\\"y\",\"c\":[1,{\"score\":9,\"]\":\"}\"}],\"d\":true }\r\n ",
              "a=-1.5e3 b='x\\\"y' c{} d=true ");
  static const char *const bad[] = { "",
                                     "[]",
                                     "{",
                                     "{\"a\"}",
                                     "{\"a\":}",
                                     "{\"a\":1,}",
                                     "{\"a\":1",
                                     "{\"a\":1}x",
                                     "{\"a\":\"b}",
                                     "{\"a\":\"b\\",
                                     "{\"a\":[1}",
                                     "{\"a\":{\"b\":]}}",
                                     "{a:1}",
                                     "{\"a\":1 \"b\":2}",
                                     "{\"a\":\"\n\"}" };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    check_json (bad[i], NULL);
  for (guint depth = SPAM_JSON_DEPTH; depth <= SPAM_JSON_DEPTH + 1; depth++)
    {
      g_autofree char *open = g_strnfill (depth, '['), *close = g_strnfill (depth, ']'),
                      *json = g_strdup_printf ("{\"a\":%s%s}", open, close);
      check_json (json, depth == SPAM_JSON_DEPTH ? "a{} " : NULL);
    }
}

/* ---- answers ---- */

static void
test_answers (void)
{
  SpamAnswer answer;
  static const char whole[] = "HTTP/1.1 208 Already\r\nX: y\r\ncontent-length: 3\r\n\r\nabcd";
  g_assert_true (spam_answer_read (whole, strlen (whole), "HTTP/1.", &answer));
  g_assert_cmpuint (answer.status, ==, 208);
  g_assert_cmpmem (answer.body, answer.body_len, "abc", 3);
  g_assert_cmpuint (spam_answer_length (whole, strlen (whole)), ==, strlen (whole) - 1);
  for (gsize n = 0; n < strlen (whole) - 1; n++)
    g_assert_false (spam_answer_read (whole, n, "HTTP/1.", &answer));
  g_assert_cmpuint (spam_answer_length (whole, 20), ==, 0);
  static const char endless[] = "SPAMD/1.1 0 EX_OK\r\nSpam: True ; 6 / 5\r\n\r\nbody";
  g_assert_cmpuint (spam_answer_length (endless, strlen (endless)), ==, G_MAXSIZE);
  g_assert_true (spam_answer_read (endless, strlen (endless), "SPAMD/", &answer));
  g_assert_cmpuint (answer.body_len, ==, 4);
  static const char *const bad[] = { "HTTP/1.1 \r\n\r\n",        "HTTP/1.1 2x0 OK\r\n\r\n",
                                     "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/2 200 OK\r\n\r\n",
                                     "HTTP/1.1\r\n\r\n",         "\r\n\r\n",
                                     "HTTP/1.1 200 OK\n\n" };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (spam_answer_read (bad[i], strlen (bad[i]), "HTTP/1.", &answer));
}

/* ---- protocols ---- */

static void
check_reply (const SpamScanner *scanner, SpamAsk ask, const char *answer, const char *expected)
{
  SpamReply reply;
  g_autoptr (GError) error = NULL;
  g_autofree char *got = NULL;
  if (!scanner->read (ask, answer, strlen (answer), &reply, &error))
    got = g_strdup (error->code == SATCHEL_ERROR_NOPERM ? "refused" : "failed");
  else if (ask == SPAM_ASK_CHECK)
    {
      g_autofree char *score =
          reply.finding.score != SPAM_NO_SCORE ? spam_score_format (reply.finding.score) : g_strdup ("?");
      got = g_strdup_printf ("%s %s", reply.finding.is_flagged ? "spam" : "ham", score);
    }
  else
    got = g_strdup (reply.learnt == SPAM_LEARNT          ? "learnt"
                    : reply.learnt == SPAM_LEARNT_BEFORE ? "before"
                                                         : "not");
  g_assert_cmpstr (got, ==, expected);
}

#define OK "HTTP/1.1 200 OK\r\n\r\n"

static void
test_rspamd (void)
{
  check_reply (
      &spam_rspamd, SPAM_ASK_CHECK,
      OK "{\"is_skipped\":false,\"score\":7.25,\"required_score\":15.0,\"action\":\"add header\",\"symbols\":"
         "{\"A\":{\"score\":99,\"action\":\"reject\"}}}",
      "spam 7.25");
  check_reply (&spam_rspamd, SPAM_ASK_CHECK, OK "{\"score\":-1,\"action\":\"no action\"}", "ham -1.0");
  check_reply (&spam_rspamd, SPAM_ASK_CHECK, OK "{\"score\":4,\"action\":\"greylist\"}", "ham 4.0");
  check_reply (&spam_rspamd, SPAM_ASK_CHECK, OK "{\"action\":\"reject\"}", "spam ?");
  check_reply (&spam_rspamd, SPAM_ASK_CHECK, OK "{\"score\":4}", "failed");
  check_reply (&spam_rspamd, SPAM_ASK_CHECK, OK "rubbish", "failed");
  check_reply (&spam_rspamd, SPAM_ASK_CHECK, "HTTP/1.1 500 no\r\n\r\n{\"action\":\"no action\"}", "failed");
  check_reply (&spam_rspamd, SPAM_ASK_LEARN_SPAM, OK "{\"success\":true}", "learnt");
  check_reply (&spam_rspamd, SPAM_ASK_LEARN_SPAM, OK "{\"success\":false}", "failed");
  check_reply (&spam_rspamd, SPAM_ASK_LEARN_HAM,
               "HTTP/1.1 404 x\r\n\r\n{\"error\":\"<id> has been already learned as ham, ignore it\"}",
               "before");
  check_reply (&spam_rspamd, SPAM_ASK_LEARN_HAM, "HTTP/1.1 208 x\r\n\r\n{\"error\":\"x\"}", "before");
  check_reply (&spam_rspamd, SPAM_ASK_LEARN_HAM, "HTTP/1.1 204 x\r\n\r\n", "not");
  check_reply (&spam_rspamd, SPAM_ASK_LEARN_HAM, "HTTP/1.1 404 x\r\n\r\n{\"error\":\"contains less tokens\"}",
               "not");
  check_reply (&spam_rspamd, SPAM_ASK_LEARN_HAM, "HTTP/1.1 404 x\r\n\r\n<html>", "failed");
  check_reply (&spam_rspamd, SPAM_ASK_LEARN_HAM, "HTTP/1.1 500 x\r\n\r\n{\"error\":\"invalid command\"}",
               "failed");
  check_reply (&spam_rspamd, SPAM_ASK_LEARN_HAM, "HTTP/1.1 401 x\r\n\r\n{\"error\":\"Unauthorized\"}",
               "refused");
}

static void
test_spamd (void)
{
  check_reply (&spam_spamd, SPAM_ASK_CHECK,
               "SPAMD/1.1 0 EX_OK\r\nContent-length: 3\r\nSpam: True ; 15.3 / 5.0\r\n\r\nA,B", "spam 15.3");
  check_reply (&spam_spamd, SPAM_ASK_CHECK, "SPAMD/1.1 0 EX_OK\r\nSpam: False ; -0.1 / 5.0\r\n\r\n",
               "ham -0.1");
  check_reply (&spam_spamd, SPAM_ASK_CHECK, "SPAMD/1.1 0 EX_OK\r\nSpam: Perhaps ; 1 / 5\r\n\r\n", "failed");
  check_reply (&spam_spamd, SPAM_ASK_CHECK, "SPAMD/1.1 0 EX_OK\r\nSpam: True\r\n\r\n", "failed");
  check_reply (&spam_spamd, SPAM_ASK_CHECK, "SPAMD/1.1 0 EX_OK\r\n\r\n", "failed");
  check_reply (&spam_spamd, SPAM_ASK_CHECK, "SPAMD/1.0 76 Bad header line: x\r\n\r\n", "failed");
  check_reply (&spam_spamd, SPAM_ASK_LEARN_SPAM, "SPAMD/1.1 0 EX_OK\r\nDidSet: local\r\n\r\n", "learnt");
  check_reply (&spam_spamd, SPAM_ASK_LEARN_SPAM, "SPAMD/1.1 0 EX_OK\r\nContent-length: 2\r\n\r\n\r\n",
               "before");
  check_reply (&spam_spamd, SPAM_ASK_LEARN_SPAM, "SPAMD/1.1 69 EX_UNAVAILABLE\r\n\r\n", "refused");
}

static void
test_heads (void)
{
  const char *const recipients[] = { "b@example.org", "c@example.org", NULL };
  const SpamQuestion check = { .ask = SPAM_ASK_CHECK,
                               .user = "b@example.org",
                               .sender = "a@example.net",
                               .client_address = "192.0.2.1",
                               .recipients = recipients };
  g_autofree char *http = spam_rspamd.head (&check, 42, "pw"), *spamd = spam_spamd.head (&check, 42, "pw");
  g_assert_cmpstr (
      http, ==,
      "POST /checkv2 HTTP/1.0\r\nHost: rspamd\r\nConnection: close\r\nContent-Length: 42\r\nPassword: pw\r\n"
      "Deliver-To: b@example.org\r\nIP: 192.0.2.1\r\nFrom: a@example.net\r\nRcpt: b@example.org\r\n"
      "Rcpt: c@example.org\r\n\r\n");
  g_assert_cmpstr (spamd, ==, "SYMBOLS SPAMC/1.5\r\nContent-length: 42\r\nUser: b@example.org\r\n\r\n");
  const SpamQuestion learn = { .ask = SPAM_ASK_LEARN_HAM };
  g_autofree char *learn_http = spam_rspamd.head (&learn, 1, NULL), *tell = spam_spamd.head (&learn, 1, NULL);
  g_assert_true (g_str_has_prefix (learn_http, "POST /learnham HTTP/1.0\r\n"));
  g_assert_cmpstr (tell, ==,
                   "TELL SPAMC/1.5\r\nContent-length: 1\r\nMessage-class: ham\r\nSet: local\r\n\r\n");
}

/* ---- mail process and helper ---- */

/* What would begin another line of a protocol is not told. */
static void
test_questions (void)
{
  const char *const recipients[] = { "b@example.org", "evil\r\nPassword: x", NULL };
  const SpamQuestion question = { .ask = SPAM_ASK_LEARN_SPAM,
                                  .user = "b@example.org",
                                  .sender = "",
                                  .helo = "a\r\nIP: 127.0.0.1",
                                  .recipients = recipients };
  g_autoptr (GBytes) packed = spam_question_pack (&question);
  g_autofree const char **texts = NULL;
  SpamQuestion got;
  g_assert_true (spam_question_unpack (packed, &got, &texts));
  g_assert_cmpint (got.ask, ==, SPAM_ASK_LEARN_SPAM);
  g_assert_cmpstr (got.user, ==, "b@example.org");
  g_assert_cmpstr (got.sender, ==, "");
  g_assert_null (got.helo);
  g_assert_null (got.id);
  g_assert_cmpstr (got.recipients[0], ==, "b@example.org");
  g_assert_cmpstr (got.recipients[1], ==, "");
  g_assert_null (got.recipients[2]);
  /* The other side may have been taken over. */
  const char *const forged[] = { "check", "u\r\nX: y", "s", "i", "a", "n", "h", "r\nx", NULL };
  g_autoptr (GBytes) evil = satchel_helper_pack (forged);
  g_autofree const char **evil_texts = NULL;
  g_assert_true (spam_question_unpack (evil, &got, &evil_texts));
  g_assert_null (got.user);
  g_assert_cmpstr (got.recipients[0], ==, "");
  const char *const few[] = { "check", "u", NULL }, *const other[] = { "x", "", "", "", "", "", "", NULL };
  g_autoptr (GBytes) few_bytes = satchel_helper_pack (few), other_bytes = satchel_helper_pack (other);
  g_assert_false (spam_question_unpack (few_bytes, &got, &evil_texts));
  g_assert_false (spam_question_unpack (other_bytes, &got, &evil_texts));
}

static void
test_replies (void)
{
  const SpamFinding finding = { TRUE, TRUE, 7250, SPAM_NO_SCORE, NULL };
  SpamFinding got;
  SpamLearnt learnt;
  g_autoptr (GBytes) packed = spam_finding_pack (&finding), before = spam_learnt_pack (SPAM_LEARNT_BEFORE);
  g_assert_true (spam_finding_unpack (packed, &got));
  g_assert_true (got.has_flag && got.is_flagged);
  g_assert_cmpint (got.score, ==, 7250);
  g_assert_cmpint (got.required, ==, SPAM_NO_SCORE);
  g_assert_true (spam_learnt_unpack (before, &learnt));
  g_assert_cmpint (learnt, ==, SPAM_LEARNT_BEFORE);
  g_assert_false (spam_learnt_unpack (packed, &learnt));
  g_assert_false (spam_finding_unpack (before, &got));
  const char *const rubbish[] = { "+", "x", "?", NULL };
  g_autoptr (GBytes) bytes = satchel_helper_pack (rubbish);
  g_assert_false (spam_finding_unpack (bytes, &got));
}

/* After some failures one call in a while may try; one that ends well lets all go on. */
static void
test_breaker (void)
{
  static SpamBreaker breaker;
  gint64 now_us = 1000;
  for (guint i = 0; i < SPAM_BREAKER_FAILURES; i++)
    {
      g_assert_true (spam_breaker_may_call (&breaker, now_us));
      spam_breaker_note (&breaker, FALSE, now_us);
    }
  g_assert_false (spam_breaker_may_call (&breaker, now_us + SPAM_BREAKER_WAIT_US - 1));
  now_us += SPAM_BREAKER_WAIT_US;
  /* Whoever only looks takes the call from nobody. */
  g_assert_true (!spam_breaker_is_open (&breaker, now_us) && !spam_breaker_is_open (&breaker, now_us));
  g_assert_true (spam_breaker_may_call (&breaker, now_us));
  g_assert_false (spam_breaker_may_call (&breaker, now_us));
  g_assert_true (spam_breaker_is_open (&breaker, now_us));
  spam_breaker_note (&breaker, FALSE, now_us);
  g_assert_false (spam_breaker_may_call (&breaker, now_us + 1));
  now_us += SPAM_BREAKER_WAIT_US;
  g_assert_true (spam_breaker_may_call (&breaker, now_us));
  spam_breaker_note (&breaker, TRUE, now_us);
  g_assert_true (spam_breaker_may_call (&breaker, now_us) && spam_breaker_may_call (&breaker, now_us));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/spam/json", test_json);
  g_test_add_func ("/spam/answers", test_answers);
  g_test_add_func ("/spam/protocol/rspamd", test_rspamd);
  g_test_add_func ("/spam/protocol/spamd", test_spamd);
  g_test_add_func ("/spam/protocol/heads", test_heads);
  g_test_add_func ("/spam/questions", test_questions);
  g_test_add_func ("/spam/replies", test_replies);
  g_test_add_func ("/spam/breaker", test_breaker);
  return g_test_run ();
}
