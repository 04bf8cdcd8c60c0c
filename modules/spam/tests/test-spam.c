/* SPDX-License-Identifier: MIT
 * Module spam without a server: fields of the MTA's filters, thresholds, lists, decisions.  Over the driver
 * `memory`, whose objects are linked in.
 */
#include "config.h"

#include "core/runtime/config/config_image.h"
#include "core/runtime/log/log_private.h"
#include "core/storage/store/store_private.h"
#include "junk.h"
#include "note.h"
#include "verdict.h"

#include <satchel/module.h>
#include <string.h>

static GString *logged;

static void
collect_log (SatchelLogLevel level, const char *area, const char *message)
{
  g_string_append_printf (logged, "%s\n", message);
}

/* ---- scores ---- */

static void
check_score (const char *text, gboolean is_whole, gint64 expected)
{
  const char *at = text;
  gint64 score = 42;
  gboolean ok = spam_score_take (&at, text + strlen (text), &score) && *at == '\0';
  g_assert_cmpint (ok, ==, is_whole);
  if (ok)
    g_assert_cmpint (score, ==, expected);
}

static void
test_scores (void)
{
  check_score ("12", TRUE, 12000);
  check_score ("-1.5", TRUE, -1500);
  check_score ("+.25", TRUE, 250);
  check_score ("3.", TRUE, 3000);
  check_score ("6.66666666", TRUE, 6666);
  check_score ("1000000", TRUE, SPAM_SCORE_MAX);
  static const char *const bad[] = { "",    "-",  ".", "x", "1000000.001", "99999999999999999999999999",
                                     "1,5", "nan" };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    check_score (bad[i], FALSE, 0);
  /* What is behind the end is not looked at. */
  const char *at = "129";
  gint64 score;
  g_assert_true (spam_score_take (&at, at + 2, &score));
  g_assert_cmpint (score, ==, 12000);
  static const struct
  {
    gint64 score;
    const char *text;
  } texts[] = { { 0, "0.0" }, { 12345, "12.345" }, { -500, "-0.5" }, { 7010, "7.01" } };
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autofree char *text = spam_score_format (texts[i].score);
      g_assert_cmpstr (text, ==, texts[i].text);
    }
}

/* ---- fields ---- */

#define OURS "Return-Path: <a@b>\r\nDelivered-To: u\r\nReceived: from mta\r\n\tby satchel\r\n"
#define MTA "Received: from outside\r\n\tby mta\r\n"
#define NOTHING "nothing"

/* Says what was found: "yes 12.3 5.0 SOURCE", with '?' for what is not known. */
static void
check_found (SpamStyle style, SpamPosition position, guint hops, const char *block, const char *expected)
{
  const SpamSource source = { style, position, hops };
  SpamFinding finding = spam_headers_read (block, strlen (block), &source);
  g_autofree char *score =
      finding.score != SPAM_NO_SCORE ? spam_score_format (finding.score) : g_strdup ("?");
  g_autofree char *required =
      finding.required != SPAM_NO_SCORE ? spam_score_format (finding.required) : g_strdup ("?");
  g_autofree char *got = finding.source == NULL ? g_strdup (NOTHING)
                                                : g_strdup_printf ("%s %s %s %s",
                                                                   !finding.has_flag    ? "?"
                                                                   : finding.is_flagged ? "yes"
                                                                                        : "no",
                                                                   score, required, finding.source);
  g_assert_cmpstr (got, ==, expected);
}

static void
check_rspamd (const char *fields, const char *expected)
{
  g_autofree char *block = g_strconcat (OURS, fields, MTA "\r\ntext\r\n", NULL);
  check_found (SPAM_STYLE_RSPAMD, SPAM_AT_RECEIVED, 1, block, expected);
}

static void
check_usual (const char *fields, const char *expected)
{
  g_autofree char *block = g_strconcat (OURS, fields, MTA "\r\ntext\r\n", NULL);
  check_found (SPAM_STYLE_SPAMASSASSIN, SPAM_AT_RECEIVED, 1, block, expected);
}

static void
test_rspamd (void)
{
  check_rspamd ("X-Spamd-Result: default: False [3.20 / 15.00];\r\n\tA(1.00)[x];\r\n\tB(-9.00)[]\r\n",
                "? 3.2 ? rspamd-header");
  check_rspamd ("X-Spamd-Result: default: True [21.00 / 15.00]; A\r\nX-Spam: Yes\r\n",
                "yes 21.0 ? rspamd-header");
  check_rspamd ("X-Spamd-Result: default: False [-1.10 / 15.00]; A\r\n", "? -1.1 ? rspamd-header");
  check_rspamd ("X-Rspamd-Action: add header\r\nX-Rspamd-Score: 8.5\r\n", "yes 8.5 ? rspamd-header");
  check_rspamd ("X-Rspamd-Action: no action\r\n", "no ? ? rspamd-header");
  check_rspamd ("X-Spamd-Bar: ++++\r\n", "? 4.0 ? rspamd-header");
  check_rspamd ("X-Spamd-Bar: /\r\n", NOTHING);
  check_rspamd ("X-Spamd-Bar: ++++\r\nX-Spamd-Result: default: False [4.90 / 15.00]\r\n",
                "? 4.9 ? rspamd-header");
  check_rspamd ("X-Spamd-Result: default: False\r\n", NOTHING);
  check_rspamd ("X-Spamd-Result: [\r\n", NOTHING);
  check_rspamd ("X-Spam-Status: Yes, score=12\r\n", "yes 12.0 ? rspamd-header");
}

static void
test_spamassassin (void)
{
  check_usual ("X-Spam-Flag: YES\r\nX-Spam-Level: ******\r\nX-Spam-Status: Yes, score=6.3 required=5.0 "
               "tests=A,B\r\n\tautolearn=no version=4.0.0\r\n",
               "yes 6.3 5.0 spamassassin-header");
  check_usual ("X-Spam-Status: No, score=-1.9 required=5.0 tests=A\r\n", "no -1.9 5.0 spamassassin-header");
  check_usual ("X-Spam-Status: No, hits=1.5 required=5.0\r\n", "no 1.5 5.0 spamassassin-header");
  check_usual ("X-Spam-Status: Yes,\r\n\tscore=6.0\r\n\trequired=5.0\r\n", "yes 6.0 5.0 spamassassin-header");
  check_usual ("X-Spam-Level: ***\r\n", "? 3.0 ? spamassassin-header");
  check_usual ("X-Spam-Score: 2.5 (++)\r\n", "? 2.5 ? spamassassin-header");
  /* A word that only ends like a key is none; a flag that is no word says nothing. */
  check_usual ("X-Spam-Status: No, tests=A,Bscore=99 required=5\r\n", "no ? 5.0 spamassassin-header");
  check_usual ("X-Spam-Flag: perhaps\r\n", NOTHING);
  check_usual ("X-Spam-Flag:\r\nX-Spam-Status:\r\nX-Spam-Level:\r\nX-Spam-Score:\r\n", NOTHING);
  check_usual ("X-Spamd-Result: default: True [21.00 / 15.00]\r\n", NOTHING);
}

/* Fields of Amavis stand below its own Received field and that of the MTA which took the message back. */
static void
test_amavis (void)
{
  static const char block[] =
      OURS "Received: by mta from amavis\r\nReceived: by amavis\r\nX-Spam-Flag: YES\r\nX-Spam-Score: 7.1\r\n"
           "X-Spam-Level: *******\r\nX-Spam-Status: Yes, score=7.1 tagged_above=-999 required=6.2\r\n" MTA
           "X-Spam-Flag: NO\r\nX-Spam-Score: -99\r\n\r\n";
  check_found (SPAM_STYLE_AMAVIS, SPAM_AT_RECEIVED, 3, block, "yes 7.1 6.2 amavis-header");
  check_found (SPAM_STYLE_AMAVIS, SPAM_AT_RECEIVED, 2, block, NOTHING);
}

/* What a sender wrote never counts: below the Received field, below or above the filter's own field. */
static void
test_forged (void)
{
  static const char below[] = OURS MTA "X-Spam-Status: No, score=-99 required=5\r\nX-Spam-Flag: NO\r\n\r\n";
  check_found (SPAM_STYLE_SPAMASSASSIN, SPAM_AT_RECEIVED, 1, below, NOTHING);
  static const char both[] =
      OURS "X-Spam-Status: Yes, score=9 required=5\r\n" MTA "X-Spam-Status: No, score=-99 required=5\r\n\r\n";
  check_found (SPAM_STYLE_SPAMASSASSIN, SPAM_AT_RECEIVED, 1, both, "yes 9.0 5.0 spamassassin-header");
  check_found (SPAM_STYLE_SPAMASSASSIN, SPAM_AT_TOP, 1, both, "yes 9.0 5.0 spamassassin-header");
  static const char top[] = OURS MTA "X-Spam-Status: Yes, score=9 required=5\r\nFrom: a\r\n"
                                     "X-Spam-Status: No, score=-99 required=5\r\n\r\n";
  check_found (SPAM_STYLE_SPAMASSASSIN, SPAM_AT_TOP, 1, top, "yes 9.0 5.0 spamassassin-header");
  static const char bottom[] = OURS MTA "X-Spam-Status: No, score=-99 required=5\r\nFrom: a\r\n"
                                        "X-Spam-Status: Yes, score=9 required=5\r\n\r\n"
                                        "X-Spam-Status: No, score=-98 required=5\r\n";
  check_found (SPAM_STYLE_SPAMASSASSIN, SPAM_AT_BOTTOM, 1, bottom, "yes 9.0 5.0 spamassassin-header");
  /* Without a trace of this server's own, nothing is known of any position. */
  check_found (SPAM_STYLE_SPAMASSASSIN, SPAM_AT_TOP, 1, "X-Spam-Flag: YES\r\n\r\n", NOTHING);
  check_found (SPAM_STYLE_SPAMASSASSIN, SPAM_AT_TOP, 1, "", NOTHING);
}

/* ---- what the stages tell each other ---- */

static void
test_note (void)
{
  static const char block[] =
      "From: Anna <Anna@Example.ORG>, \"x y\"@example.net,\r\n b@example.com, c@example.com\r\n"
      "From: d@example.com\r\n\r\n";
  g_autoptr (GPtrArray) senders = spam_senders_read (block, strlen (block));
  g_autoptr (GString) far = g_string_new (NULL);
  for (guint i = 0; i < 300; i++)
    g_string_append_c (far, 'a');
  g_string_append (far, "@example.org");
  spam_senders_add (senders, far->str);
  spam_senders_add (senders, "");
  const SpamFinding finding = { TRUE, TRUE, 12300, SPAM_NO_SCORE, "rspamd-header" };
  g_autofree char *text = spam_note_format (&finding, senders);
  g_assert_cmpstr (text, ==, "+ 12.3 ? rspamd-header\nanna@example.org\nb@example.com");
  g_auto (SpamNote) note;
  spam_note_parse (text, &note);
  g_autofree char *again = spam_note_format (&note.finding, note.senders);
  g_assert_cmpstr (again, ==, text);
  static const char *const others[] = { "? -1.0 5.0 x", "- ? ? ?" };
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      g_auto (SpamNote) other;
      spam_note_parse (others[i], &other);
      g_autofree char *same = spam_note_format (&other.finding, other.senders);
      g_assert_cmpstr (same, ==, others[i]);
    }
  static const char *const rubbish[] = { NULL, "", "\n", "a", "a b c", "\nx" };
  for (guint i = 0; i < G_N_ELEMENTS (rubbish); i++)
    {
      g_auto (SpamNote) none;
      spam_note_parse (rubbish[i], &none);
      g_assert_null (none.finding.source);
      g_assert_false (none.finding.has_flag);
      g_assert_cmpint (none.finding.score, ==, SPAM_NO_SCORE);
    }
}

/* ---- settings ---- */

/* NULL: refused with @wrong in the message. */
static SpamSettings *
read_settings (const char *text, const char *wrong)
{
  g_autoptr (GError) error = NULL;
  SatchelConfigSet *set = satchel_config_set_from_text ("spam", spam_schema, text, &error);
  g_assert_no_error (error);
  SpamSettings *settings = spam_settings_new (satchel_config_set_group (set, "spam"), &error);
  if (wrong != NULL)
    g_assert_cmpstr (error != NULL ? error->message : "no error", ==, wrong);
  else
    g_assert_no_error (error);
  satchel_config_set_free (set);
  return settings;
}

static void
assert_thresholds (const SpamSettings *settings, const char *user, gint64 junk, gint64 reject)
{
  SpamThresholds thresholds = spam_settings_find (settings, user);
  g_assert_cmpint (thresholds.junk, ==, junk);
  g_assert_cmpint (thresholds.reject, ==, reject);
}

/* What a row leaves unset is that of the next wider one; "off" is none. */
static void
test_thresholds (void)
{
  g_autoptr (SpamSettings) settings =
      read_settings ("junk_score = \"6\"; reject_score = \"20.5\";"
                     "domains = ( { name = \"Big.example\"; junk_score = \"8\"; } );"
                     "users = ( { name = \"a@big.example\"; reject_score = \"off\"; }, { name = "
                     "\"b@big.example\"; junk_score = \"off\"; } );",
                     NULL);
  assert_thresholds (settings, "anybody@other.example", 6000, 20500);
  assert_thresholds (settings, "anybody@big.example", 8000, 20500);
  assert_thresholds (settings, "A@big.example", 8000, SPAM_NO_SCORE);
  assert_thresholds (settings, "b@big.example", SPAM_NO_SCORE, 20500);
  g_autoptr (SpamSettings) none = read_settings ("", NULL);
  assert_thresholds (none, "anybody@other.example", SPAM_NO_SCORE, SPAM_NO_SCORE);
}

static void
test_mistakes (void)
{
  g_assert_null (
      read_settings ("junk_score = \"many\";", "junk_score: \"many\" is neither a score nor \"off\""));
  g_assert_null (
      read_settings ("reject_score = \"6x\";", "reject_score: \"6x\" is neither a score nor \"off\""));
  g_assert_null (read_settings ("users = ( { name = \"a@b\"; junk_score = \"x\"; } );",
                                "users: \"x\" is neither a score nor \"off\""));
  g_assert_null (read_settings ("users = ( { name = \"anna\"; } );",
                                "users: \"anna\" is not a user with a domain (LOCAL@DOMAIN)"));
  g_assert_null (read_settings ("domains = ( { name = \"a@b\"; } );", "domains: \"a@b\" is not a domain"));
  g_assert_null (read_settings ("users = ( { name = \"a@b\"; }, { name = \"A@B\"; } );",
                                "users: \"a@b\" is listed twice; remove one"));
  g_assert_null (read_settings ("mailbox = \"inbox\";", "mailbox: INBOX cannot be the spam folder"));
}

/* Only what asks for trouble is told. */
static void
test_warnings (void)
{
  static const struct
  {
    const char *settings;
    gboolean refuses;
  } cases[] = {
    { "headers = ( { style = \"rspamd\"; } );", FALSE },
    { "headers = ( { style = \"rspamd\"; } ); reject_score = \"30\";", TRUE },
    { "headers = ( { style = \"rspamd\"; } ); users = ( { name = \"a@b\"; reject_score = \"30\"; } );", TRUE }
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (SpamSettings) settings = read_settings (cases[i].settings, NULL);
      g_string_truncate (logged, 0);
      spam_settings_warn (settings);
      g_assert_cmpint (strstr (logged->str, "bounces to senders") != NULL, ==, cases[i].refuses);
      g_assert_null (strstr (logged->str, "no score is known"));
    }
  g_autoptr (SpamSettings) none = read_settings ("", NULL);
  spam_settings_warn (none);
  g_assert_nonnull (strstr (logged->str, "no score is known"));
}

/* ---- decisions ---- */

static void
check_decision (const SpamFinding *finding, gint64 junk, gint64 reject, SpamListed listed,
                SpamVerdict verdict, const char *reason)
{
  SpamDecision decision = spam_decide (finding, &(SpamThresholds) { junk, reject }, listed);
  g_assert_cmpint (decision.verdict, ==, verdict);
  g_assert_cmpstr (decision.reason, ==, reason);
}

static void
test_decisions (void)
{
  const gint64 no = SPAM_NO_SCORE;
  const SpamFinding none = SPAM_FINDING_NONE, flagged = { TRUE, TRUE, no, no, "x" },
                    not_flagged = { TRUE, FALSE, no, no, "x" }, scored = { TRUE, FALSE, 6000, no, "x" },
                    required = { FALSE, FALSE, 6000, 6000, "x" };
  check_decision (&none, 0, 0, SPAM_LISTED_NOT, SPAM_INBOX, "unknown");
  check_decision (&flagged, 6000, 6000, SPAM_LISTED_NOT, SPAM_JUNK, "flag");
  check_decision (&not_flagged, no, no, SPAM_LISTED_NOT, SPAM_INBOX, "flag");
  check_decision (&scored, no, no, SPAM_LISTED_NOT, SPAM_INBOX, "flag");
  check_decision (&scored, 6000, no, SPAM_LISTED_NOT, SPAM_JUNK, "score");
  check_decision (&scored, 6001, no, SPAM_LISTED_NOT, SPAM_INBOX, "score");
  check_decision (&scored, 1000, 6000, SPAM_LISTED_NOT, SPAM_REFUSE, "score");
  check_decision (&scored, 1000, 6001, SPAM_LISTED_NOT, SPAM_JUNK, "score");
  check_decision (&required, no, no, SPAM_LISTED_NOT, SPAM_JUNK, "score");
  check_decision (&scored, 1000, 1000, SPAM_LISTED_ALLOW, SPAM_INBOX, "allowed");
  check_decision (&none, no, no, SPAM_LISTED_BLOCK, SPAM_JUNK, "blocked");
}

/* ---- lists ---- */

static SatchelStore *
open_store (void)
{
  static guint n;
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_strdup_printf ("example.org/spam%u", ++n);
  SatchelStoreLevel levels[] = { { "memory", satchel_module ()->provides[0].ops, NULL } };
  SatchelStoreOpenOptions options = {
    .user = "u@example.org", .path = path, .root_fd = -1, .levels = levels, .n_levels = 1
  };
  SatchelStore *store = satchel_store_open (&options, &error);
  g_assert_no_error (error);
  return store;
}

static void
assert_listed (const SpamLists *lists, const char *one, const char *other, SpamListed expected)
{
  const char *const senders[] = { one, other, NULL };
  g_assert_cmpint (spam_lists_find (lists, senders), ==, expected);
}

static void
test_lists (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelStore) store = open_store ();
  g_autoptr (SpamLists) lists = spam_lists_load (store, &error);
  g_assert_no_error (error);
  assert_listed (lists, "a@b", NULL, SPAM_LISTED_NOT);
  g_assert_true (spam_lists_set (lists, "Anna@Example.NET", SPAM_LISTED_ALLOW, &error));
  g_assert_true (spam_lists_set (lists, "example.net", SPAM_LISTED_BLOCK, &error));
  g_assert_true (spam_lists_set (lists, "gone.example", SPAM_LISTED_BLOCK, &error));
  g_assert_true (spam_lists_set (lists, "gone.example", SPAM_LISTED_NOT, &error));
  g_assert_false (spam_lists_set (lists, "gone.example", SPAM_LISTED_NOT, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT);
  g_clear_error (&error);
  static const char *const bad[] = { "",    "@", "@example.org", "anna@", "a b@example.org", "a@b\nallow c@d",
                                     "\xff" };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_assert_false (spam_lists_set (lists, bad[i], SPAM_LISTED_ALLOW, &error));
      g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_INVALID);
      g_clear_error (&error);
    }
  g_assert_true (spam_lists_save (store, lists, &error));
  g_autoptr (SpamLists) again = spam_lists_load (store, &error);
  g_assert_cmpuint (g_hash_table_size (again->entries), ==, 2);
  assert_listed (again, "anna@example.net", NULL, SPAM_LISTED_ALLOW);
  assert_listed (again, "bert@example.net", NULL, SPAM_LISTED_BLOCK);
  assert_listed (again, "bert@mail.example.net", NULL, SPAM_LISTED_BLOCK);
  assert_listed (again, "bert@notexample.net", NULL, SPAM_LISTED_NOT);
  assert_listed (again, "example.net", NULL, SPAM_LISTED_BLOCK);
  assert_listed (again, "bert@example.net", "anna@example.net", SPAM_LISTED_ALLOW);
  assert_listed (again, "anna@example.net", "bert@example.net", SPAM_LISTED_ALLOW);
  g_assert_true (spam_lists_set (again, "example.net", SPAM_LISTED_NOT, &error));
  g_assert_true (spam_lists_set (again, "anna@example.net", SPAM_LISTED_NOT, &error));
  g_assert_true (spam_lists_save (store, again, &error));
  g_assert_null (satchel_store_get_blob (store, SPAM_SPACE, "lists", NULL));
}

static void
test_lists_are_bounded (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelStore) store = open_store ();
  g_autoptr (SpamLists) lists = spam_lists_load (store, &error);
  for (guint i = 0; i < SPAM_ENTRIES_MAX; i++)
    {
      g_autofree char *entry = g_strdup_printf ("u%u@example.org", i);
      g_assert_true (spam_lists_set (lists, entry, SPAM_LISTED_BLOCK, &error));
    }
  g_assert_true (spam_lists_set (lists, "u1@example.org", SPAM_LISTED_ALLOW, &error));
  g_assert_false (spam_lists_set (lists, "more@example.org", SPAM_LISTED_BLOCK, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_LIMIT);
  g_clear_error (&error);
  g_assert_true (spam_lists_save (store, lists, &error));
  g_autoptr (SpamLists) again = spam_lists_load (store, &error);
  g_assert_cmpuint (g_hash_table_size (again->entries), ==, SPAM_ENTRIES_MAX);
}

/* ---- the spam folder ---- */

static void
assert_junk (SatchelStore *store, const char *expected)
{
  g_autofree char *name = satchel_store_find_special_use (store, SATCHEL_USE_JUNK, NULL);
  g_assert_cmpstr (name, ==, expected);
}

static void
test_junk (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelStore) store = open_store ();
  g_assert_false (spam_junk_ensure (store, "", &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT);
  g_clear_error (&error);
  assert_junk (store, NULL);
  g_assert_true (spam_junk_ensure (store, "Junk", &error));
  assert_junk (store, "Junk");
  g_assert_true (spam_junk_ensure (store, "Other", &error)); /* there is one */
  assert_junk (store, "Junk");
  g_assert_true (satchel_store_set_special_use (store, "Junk", 0, &error));
  g_assert_true (spam_junk_ensure (store, "Junk", &error)); /* it lost its special use */
  assert_junk (store, "Junk");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  logged = g_string_new (NULL);
  satchel_log_divert (collect_log);
  g_test_add_func ("/spam/scores", test_scores);
  g_test_add_func ("/spam/rspamd", test_rspamd);
  g_test_add_func ("/spam/spamassassin", test_spamassassin);
  g_test_add_func ("/spam/amavis", test_amavis);
  g_test_add_func ("/spam/forged", test_forged);
  g_test_add_func ("/spam/note", test_note);
  g_test_add_func ("/spam/thresholds", test_thresholds);
  g_test_add_func ("/spam/mistakes", test_mistakes);
  g_test_add_func ("/spam/warnings", test_warnings);
  g_test_add_func ("/spam/decisions", test_decisions);
  g_test_add_func ("/spam/lists", test_lists);
  g_test_add_func ("/spam/lists-are-bounded", test_lists_are_bounded);
  g_test_add_func ("/spam/junk", test_junk);
  return g_test_run ();
}
