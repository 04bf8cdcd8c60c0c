/* SPDX-License-Identifier: MIT
 * Asks the scanner by way of the helper.
 */
#include "scan.h"

#include "breaker.h"
#include "names.h"
#include "question.h"

#include <satchel/counter.h>
#include <satchel/log.h>
#include <string.h>

#define SPARE_MS 500 /* of the filter's own time, to answer in */

SATCHEL_COUNTER (scans, "satchel_spam_scans_total", "Messages that the scanner was to be asked about",
                 "result");

static SpamBreaker breaker;

static SpamQuestion
question_about (const SatchelFilterItem *item, const char *user)
{
  const SatchelOrigin *origin = item->origin;
  return (SpamQuestion) { .ask = SPAM_ASK_CHECK,
                          .user = user,
                          .sender = item->sender,
                          .id = origin != NULL && origin->queue_id != NULL ? origin->queue_id : item->id,
                          .client_address = origin != NULL ? origin->address : NULL,
                          .client_name = origin != NULL ? origin->name : NULL,
                          .helo = origin != NULL ? origin->helo : NULL,
                          .recipients = item->recipients };
}

static gboolean
ask (SatchelFilterItem *item, const SpamSettings *settings, const char *user, SpamFinding *ret_finding,
     GError **error)
{
  const SpamQuestion question = question_about (item, user);
  g_autoptr (GBytes) request = spam_question_pack (&question);
  int fd = satchel_filter_content_fd (item, error);
  gint64 left_ms = MIN (settings->timeout_ms, satchel_filter_left_ms (item) - SPARE_MS);
  g_autoptr (GBytes) reply =
      fd >= 0 ? satchel_helper_call_wait (SPAM_MODULE, request, fd, MAX (left_ms, 1), error) : NULL;
  if (reply == NULL)
    return FALSE;
  return spam_finding_unpack (reply, ret_finding)
         || satchel_error_set (error, SATCHEL_ERROR_FAILED, "the helper's answer is malformed");
}

static void
log_failure (const SatchelFilterItem *item, const char *reason)
{
  g_autoptr (GString) line = g_string_new ("not scanned:");
  satchel_log_field (line, "id", item->id);
  satchel_log_field (line, "reason", reason);
  satchel_log_field (line, "sender", item->sender);
  satchel_log (SATCHEL_LOG_WARNING, "spam", "%s", line->str);
}

SpamFinding
spam_scan (SatchelFilterItem *item, const SpamSettings *settings, const char *user)
{
  g_autoptr (GError) error = NULL;
  SpamFinding finding = SPAM_FINDING_NONE;
  if (item->content_bytes > settings->max_bytes)
    {
      satchel_counter_add (&scans, 1, "too-big");
      return finding;
    }
  if (!spam_breaker_may_call (&breaker, g_get_monotonic_time ()))
    {
      satchel_counter_add (&scans, 1, "skipped");
      log_failure (item, "the scanner did not answer lately");
      return finding;
    }
  gboolean ok = ask (item, settings, user, &finding, &error);
  spam_breaker_note (&breaker, ok, g_get_monotonic_time ());
  satchel_counter_add (&scans, 1, ok ? "ok" : "failed");
  if (ok)
    finding.source = spam_scanner_name (settings->scanner);
  else
    log_failure (item, error->message);
  return finding;
}
