/* SPDX-License-Identifier: MIT
 * Any bytes as the header of a message, as a scanner's answer, and as what the processes of the module say to
 * each other: what is found is in bounds and is read back the same, and what a sender wrote finds nothing.
 */
#include "headers.h"
#include "json.h"
#include "note.h"
#include "question.h"
#include "scanner.h"
#include "answer.h"

#include <string.h>

#include "tests/fuzz/driver.h"

#define OURS "Return-Path: <a@b>\r\nReceived: from mta by satchel\r\n"
#define FOUND                                                                                                \
  "X-Spam-Flag: YES\r\nX-Spam-Status: Yes, score=6.3 required=5.0 tests=A\r\nX-Spam-Level: ******\r\n"       \
  "X-Spam-Score: 6.3\r\nX-Spamd-Result: default: True [21.00 / 15.00]; A(1.00)[x]\r\nX-Spamd-Bar: ++++\r\n"  \
  "X-Rspamd-Action: add header\r\nX-Rspamd-Score: 8.5\r\n"
#define HTTP "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

const gboolean fuzz_wants_mail = TRUE;
const char *const fuzz_seeds[] = {
  OURS FOUND "Received: from outside by mta\r\nFrom: A <a@example.net>, b@example.net\r\n\r\ntext\r\n",
  HTTP "Content-Length: 62\r\n\r\n"
       "{\"score\":7.2,\"required_score\":15,\"action\":\"add header\",\"urls\":[]}",
  HTTP "\r\n{\"success\":true}",
  "HTTP/1.1 404 x\r\n\r\n{\"error\":\"has been already learned as spam, ignore it\"}",
  "HTTP/1.1 401 x\r\nContent-Length: 24\r\n\r\n{\"error\":\"Unauthorized\"}",
  "SPAMD/1.1 0 EX_OK\r\nContent-length: 6\r\nSpam: True ; 15.0 / 5.0\r\n\r\nGTUBE\n",
  "SPAMD/1.1 0 EX_OK\r\nDidSet: local\r\nContent-length: 0\r\n\r\n",
  "SPAMD/1.0 76 Bad header line: (Unknown line)\r\n\r\n",
  "+ 12.3 5.0 rspamd-header\nanna@example.org\nb@example.org",
  "",
  NULL
};
const char *const fuzz_tokens[] = { "\r\n",
                                    "\r\n ",
                                    "\r\n\r\n",
                                    "Received: ",
                                    "X-Spam-Flag: YES",
                                    "score=",
                                    "required=",
                                    "[",
                                    " / ",
                                    "99999999999",
                                    "-",
                                    ".",
                                    "Content-Length: ",
                                    "18446744073709551615",
                                    "{",
                                    "}",
                                    "[[[[[[[[",
                                    "\"score\":",
                                    "\"action\":\"reject\"",
                                    "\\u0000",
                                    "\\\"",
                                    "1e400",
                                    "Spam: True ; ",
                                    "\xff",
                                    NULL };

static void
check_score (gint64 score)
{
  g_assert_true (score == SPAM_NO_SCORE || (score >= -SPAM_SCORE_MAX && score <= SPAM_SCORE_MAX));
}

static void
assert_same (const SpamFinding *a, const SpamFinding *b)
{
  g_assert_cmpint (a->has_flag, ==, b->has_flag);
  g_assert_cmpint (a->has_flag && a->is_flagged, ==, b->has_flag && b->is_flagged);
  g_assert_cmpint (a->score, ==, b->score);
  g_assert_cmpint (a->required, ==, b->required);
}

/* A finding goes to another process in two ways, and arrives as it was. */
static void
check_finding (const SpamFinding *finding, const GPtrArray *senders)
{
  check_score (finding->score);
  check_score (finding->required);
  g_assert_true (finding->has_flag || !finding->is_flagged);
  SpamFinding unpacked;
  g_autoptr (GBytes) packed = spam_finding_pack (finding);
  g_assert_true (spam_finding_unpack (packed, &unpacked));
  assert_same (finding, &unpacked);
  g_auto (SpamNote) note;
  g_autofree char *text = spam_note_format (finding, senders);
  spam_note_parse (text, &note);
  assert_same (finding, &note.finding);
  g_assert_cmpstr (note.source, ==, finding->source);
  g_assert_cmpuint (note.senders->len, ==, senders->len);
  for (guint i = 0; i < senders->len; i++)
    g_assert_cmpstr (note.senders->pdata[i], ==, senders->pdata[i]);
}

static void
try_header (const char *text, gsize len)
{
  g_autoptr (GPtrArray) senders = spam_senders_read (text, len);
  g_autoptr (GString) below = g_string_new (OURS "Received: from outside by mta\r\n");
  g_string_append_len (below, text, (gssize) len);
  g_assert_cmpuint (senders->len, <=, SPAM_SENDERS_MAX);
  for (SpamStyle style = SPAM_STYLE_RSPAMD; style <= SPAM_STYLE_AMAVIS; style++)
    for (SpamPosition position = SPAM_AT_RECEIVED; position <= SPAM_AT_BOTTOM; position++)
      {
        const SpamSource source = { style, position, 1 };
        const SpamFinding finding = spam_headers_read (text, len, &source);
        check_finding (&finding, senders);
        if (position != SPAM_AT_RECEIVED)
          continue;
        const SpamFinding forged = spam_headers_read (below->str, below->len, &source);
        g_assert_null (forged.source);
        g_assert_true (!forged.has_flag && forged.score == SPAM_NO_SCORE);
      }
}

static void
try_answer (const char *text, gsize len)
{
  static const SpamScanner *const scanners[] = { &spam_rspamd, &spam_spamd };
  g_autoptr (GPtrArray) nobody = g_ptr_array_new ();
  for (guint i = 0; i < G_N_ELEMENTS (scanners); i++)
    for (SpamAsk ask = 0; ask < SPAM_N_ASKS; ask++)
      {
        SpamReply reply = { .finding = SPAM_FINDING_NONE };
        g_autoptr (GError) error = NULL;
        gboolean ok = scanners[i]->read (ask, text, len, &reply, &error);
        g_assert_true (ok == (error == NULL));
        if (ok)
          check_finding (&reply.finding, nobody);
        g_assert_true (!ok || reply.learnt <= SPAM_NOT_LEARNT);
      }
  /* How long an answer is, its head says, whatever comes behind it. */
  gsize length = spam_answer_length (text, len);
  g_autofree char *longer = g_malloc (len + 4);
  if (len > 0)
    memcpy (longer, text, len);
  memcpy (longer + len, "\n\r\n ", 4);
  g_assert_true (length == 0 || spam_answer_length (longer, len + 4) == length);
}

typedef struct Text
{
  const char *start, *end;
} Text;

static void
check_member (const char *name, gsize name_len, SpamJsonKind kind, const char *value, gsize value_len,
              gpointer data)
{
  const Text *text = data;
  g_assert_true (name >= text->start && name + name_len <= text->end);
  g_assert_true (kind == SPAM_JSON_NESTED || (value >= text->start && value + value_len <= text->end));
}

static void
try_json (const char *text, gsize len)
{
  Text bounds = { text, text + len };
  spam_json_read (text, len, check_member, &bounds);
}

static void
check_word (const char *word)
{
  for (const char *c = word; c != NULL && *c != '\0'; c++)
    g_assert_true ((guchar) *c >= ' ' && *c != 0x7f);
}

/* What is taken of a question may stand in lines of a protocol. */
static void
try_question (GBytes *bytes)
{
  SpamQuestion question;
  g_autofree const char **texts = NULL;
  if (!spam_question_unpack (bytes, &question, &texts))
    return;
  const char *const words[] = { question.user,           question.sender,      question.id,
                                question.client_address, question.client_name, question.helo };
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    check_word (words[i]);
  guint n = 0;
  for (; question.recipients[n] != NULL; n++)
    check_word (question.recipients[n]);
  g_assert_cmpuint (n, <=, SPAM_RECIPIENTS_MAX);
  for (guint i = 0; i < 2; i++)
    {
      const SpamScanner *scanner = i == 0 ? &spam_rspamd : &spam_spamd;
      g_autofree char *head = scanner->head (&question, 17, NULL);
      g_assert_true (g_str_has_suffix (head, "\r\n\r\n")
                     && strstr (head, "\r\n\r\n") == head + strlen (head) - 4);
    }
}

static void
try_packed (const uint8_t *data, size_t size)
{
  SpamFinding finding;
  SpamLearnt learnt;
  g_autoptr (GPtrArray) nobody = g_ptr_array_new ();
  g_autoptr (GBytes) bytes = g_bytes_new (data, size);
  if (spam_finding_unpack (bytes, &finding))
    check_finding (&finding, nobody);
  g_assert_true (!spam_learnt_unpack (bytes, &learnt) || learnt <= SPAM_NOT_LEARNT);
  try_question (bytes);
}

static void
try_note (const char *text)
{
  g_auto (SpamNote) note;
  spam_note_parse (text, &note);
  check_score (note.finding.score);
  check_score (note.finding.required);
  g_assert_cmpuint (note.senders->len, <=, SPAM_SENDERS_MAX);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup (size > 0 ? (const char *) data : "", size);
  try_header (text, size);
  try_answer (text, size);
  try_json (text, size);
  try_packed (data, size);
  try_note (text);
  return 0;
}
