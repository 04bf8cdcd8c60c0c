/* SPDX-License-Identifier: MIT
 * The delivery filter (role mail).  The message stage reads what the MTA's filter wrote, and says it in a
 * field of its own; the recipient stage decides by the user's thresholds and lists.
 */
#include "filter.h"

#include "junk.h"
#include "names.h"
#include "note.h"
#include "scan.h"
#include "verdict.h"

#include <satchel/counter.h>
#include <satchel/log.h>
#include <string.h>

#define READ_BYTES 16384u

SATCHEL_COUNTER (verdicts, "satchel_spam_verdicts_total", "Deliveries to one user each that were judged",
                 "verdict", "reason");

/* ---- once a message ---- */

/* Returns the header of the message, at most SATCHEL_FILTER_HEAD_BYTES of it. */
static GString *
read_header (SatchelFilterItem *item, GError **error)
{
  g_autoptr (GString) head = g_string_new (NULL);
  g_autofree char *block = g_malloc (READ_BYTES);
  gssize n;
  do
    {
      n = satchel_stream_read_at (item->content, head->len, block, READ_BYTES, error);
      if (n < 0)
        return NULL;
      gsize from = head->len > 3 ? head->len - 3 : 0;
      g_string_append_len (head, block, n);
      if (g_strstr_len (head->str + from, (gssize) (head->len - from), "\r\n\r\n") != NULL)
        break;
    }
  while (n > 0 && head->len < SATCHEL_FILTER_HEAD_BYTES);
  return g_steal_pointer (&head);
}

static SpamFinding
find_in_header (const SpamSettings *settings, const GString *head)
{
  SpamFinding finding = SPAM_FINDING_NONE;
  for (guint i = 0; i < settings->n_sources && finding.source == NULL; i++)
    finding = spam_headers_read (head->str, head->len, &settings->sources[i]);
  return finding;
}

/* Returns the value of the result header, such as "Yes, score=12.3 threshold=6 source=rspamd-header", as the
 * thresholds of the whole site judge. */
static char *
describe (const SpamFinding *finding, const SpamThresholds *thresholds)
{
  SpamDecision decision = spam_decide (finding, thresholds, SPAM_LISTED_NOT);
  GString *text = g_string_new (finding->source == NULL          ? "Unknown"
                                : decision.verdict == SPAM_INBOX ? "No"
                                                                 : "Yes");
  g_autofree char *score = finding->score != SPAM_NO_SCORE ? spam_score_format (finding->score) : NULL,
                  *threshold =
                      thresholds->junk != SPAM_NO_SCORE ? spam_score_format (thresholds->junk) : NULL;
  if (score != NULL)
    g_string_append_printf (text, ", score=%s", score);
  if (score != NULL && threshold != NULL)
    g_string_append_printf (text, " threshold=%s", threshold);
  if (finding->source != NULL)
    g_string_append_printf (text, "%s source=%s", score != NULL ? "" : ",", finding->source);
  return g_string_free (text, FALSE);
}

/* Looks for a verdict once for all recipients. If the scanner keeps statistics for each user, the recipient
 * stage asks it instead. */
static SpamFinding
find_once (SatchelFilterItem *item, const SpamSettings *settings, const GString *head)
{
  const SpamFinding finding = find_in_header (settings, head);
  if (finding.source != NULL || !settings->asks || settings->is_per_user)
    return finding;
  return spam_scan (item, settings, NULL);
}

static gboolean
tell (SatchelFilterItem *item, const SpamSettings *settings, const SpamFinding *finding, GError **error)
{
  g_autofree char *value = describe (finding, &settings->of_all);
  return satchel_filter_add_header (item, SPAM_FIELD, value, error);
}

static gboolean
judge_message (SatchelFilterItem *item, const SpamSettings *settings, GError **error)
{
  g_autoptr (GString) head = read_header (item, error);
  if (head == NULL)
    return FALSE;
  const SpamFinding finding = find_once (item, settings, head);
  g_autoptr (GPtrArray) senders = spam_senders_read (head->str, head->len);
  g_autofree char *note = spam_note_format (&finding, senders);
  gboolean is_asked_later = finding.source == NULL && settings->asks && settings->is_per_user;
  return satchel_filter_remove_header (item, SPAM_FIELD, error)
         && (is_asked_later || tell (item, settings, &finding, error))
         && satchel_filter_set_note (item, note, error);
}

static void
ask_message (SatchelFilterItem *item)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SpamSettings) settings = spam_settings_current ();
  if (settings == NULL)
    satchel_filter_fail (item, "module spam has no settings in force, since it is starting or stopping");
  else if (!judge_message (item, settings, &error))
    satchel_filter_fail (item, error->message);
  else
    satchel_filter_answer (item, SATCHEL_FILTER_CONTINUE, NULL);
}

/* ---- once a recipient ---- */

/* Finds a user's thresholds.  What the userdbs say counts before the settings. */
static SpamThresholds
find_thresholds (SatchelStore *store, const SpamSettings *settings, const char *user)
{
  SpamThresholds thresholds = spam_settings_find (settings, user);
  for (SpamThreshold which = 0; which < SPAM_N_THRESHOLDS; which++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *text = satchel_store_user_attribute (store, spam_attribute_names[which]);
      if (text != NULL && !spam_threshold_set (&thresholds, which, text, &error)
          && satchel_error_is_news (error))
        satchel_log (SATCHEL_LOG_ERROR, "spam", "user=%s the attribute %s is not used: %s", user,
                     spam_attribute_names[which], error->message);
    }
  return thresholds;
}

/* Without its lists a message is judged by its score, so that no mail waits for them. */
static SpamListed
find_listed (SatchelStore *store, const SatchelFilterItem *item, const SpamNote *note)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SpamLists) lists = spam_lists_load (store, &error);
  g_autofree char *sender =
      g_utf8_validate (item->sender, -1, NULL) ? g_utf8_strdown (item->sender, -1) : NULL;
  const char *senders[SPAM_SENDERS_MAX + 2] = { NULL };
  guint n = 0;
  for (guint i = 0; i < note->senders->len; i++)
    senders[n++] = note->senders->pdata[i];
  if (sender != NULL)
    senders[n] = sender;
  if (lists != NULL)
    return spam_lists_find (lists, senders);
  if (!g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_CANNOT) && satchel_error_is_news (error))
    satchel_log (SATCHEL_LOG_WARNING, "spam", "user=%s the lists of senders cannot be read: %s", item->user,
                 error->message);
  return SPAM_LISTED_NOT;
}

static void
log_decision (const SatchelFilterItem *item, const SpamFinding *finding, SpamDecision decision)
{
  satchel_counter_add (&verdicts, 1, spam_verdict_name (decision.verdict), decision.reason);
  if (decision.verdict == SPAM_INBOX && strcmp (decision.reason, "allowed") != 0)
    return;
  g_autofree char *score =
      finding->score != SPAM_NO_SCORE ? spam_score_format (finding->score) : g_strdup ("-");
  g_autoptr (GString) line = g_string_new ("judged:");
  satchel_log_field (line, "id", item->id);
  satchel_log_field (line, "user", item->user);
  satchel_log_field (line, "verdict", spam_verdict_name (decision.verdict));
  satchel_log_field (line, "reason", decision.reason);
  satchel_log_field (line, "score", score);
  satchel_log_field (line, "source", finding->source != NULL ? finding->source : "-");
  satchel_log (SATCHEL_LOG_INFO, "spam", "%s", line->str);
}

static void
put_into_junk (SatchelFilterItem *item, SatchelStore *store, const SpamSettings *settings)
{
  g_autoptr (GError) error = NULL;
  if (!spam_junk_ensure (store, settings->mailbox, &error))
    satchel_log (SATCHEL_LOG_WARNING, "spam", "user=%s has no spam folder, so that spam goes to INBOX: %s",
                 item->user, error->message);
  satchel_filter_set_special_use (item, SATCHEL_USE_JUNK);
  if (settings->has_keyword)
    (void) satchel_filter_add_keyword (item, "$Junk", NULL);
}

static SpamVerdict
judge_recipient (SatchelFilterItem *item, SatchelStore *store, const SpamSettings *settings)
{
  g_auto (SpamNote) note;
  spam_note_parse (satchel_filter_note (item), &note);
  if (note.finding.source == NULL && settings->asks && settings->is_per_user)
    {
      note.finding = spam_scan (item, settings, item->user);
      (void) tell (item, settings, &note.finding, NULL);
    }
  const SpamThresholds thresholds = find_thresholds (store, settings, item->user);
  SpamDecision decision = spam_decide (&note.finding, &thresholds, find_listed (store, item, &note));
  log_decision (item, &note.finding, decision);
  if (decision.verdict == SPAM_JUNK)
    put_into_junk (item, store, settings);
  return decision.verdict;
}

static void
ask_recipient (SatchelFilterItem *item)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SpamSettings) settings = spam_settings_current ();
  g_autoptr (SatchelStore) store = settings != NULL ? satchel_filter_open_store (item, &error) : NULL;
  if (store == NULL)
    {
      satchel_filter_fail (
          item, error != NULL ? error->message
                              : "module spam has no settings in force, since it is starting or stopping");
      return;
    }
  SpamVerdict verdict = judge_recipient (item, store, settings);
  g_clear_pointer (&store, satchel_store_unref); /* before the item is answered */
  if (verdict == SPAM_REFUSE)
    satchel_filter_answer (item, SATCHEL_FILTER_REFUSE, "The message looks like spam");
  else
    satchel_filter_answer (item, SATCHEL_FILTER_CONTINUE, NULL);
}

/* It comes after filters that change mail, and before the users' own rules. */
const SatchelDeliveryFilterOps spam_filter = { .size = sizeof spam_filter,
                                               .band = 300,
                                               .on_error = SATCHEL_FILTER_CONTINUE,
                                               .message = ask_message,
                                               .recipient = ask_recipient };
