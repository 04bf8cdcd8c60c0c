/* SPDX-License-Identifier: MIT
 * Implements the lines that filters and people read. Their form is frozen: the address stands before
 * anything that the client chose, the user is always quoted, and nothing in quotes can end them.
 */
#include "config.h"

#include "core/daemon/auth/auth.h"
#include "core/runtime/log/log_private.h"
#include "core/base/session_id.h"

#include <satchel/counter.h>
#include <satchel/log.h>
#include <string.h>

#define AREA "auth"
#define MAX_NAME_BYTES 255

SATCHEL_COUNTER (logins, "satchel_logins_total", "Logins that were decided", "service", "result");

/* Far above what filters need to ban an address; lines that filters do not count cannot use up the room of
 * those that they do. */
static SatchelLogBudget guesses = {
  .area = AREA, .burst = 200, .an_hour = 200, .burst_in_all = 1000, .a_second = 50
};
static SatchelLogBudget others = {
  .area = AREA, .burst = 50, .an_hour = 200, .burst_in_all = 500, .a_second = 10
};

const char *
satchel_auth_reason (SatchelLoginVerdict verdict)
{
  static const char *const reasons[] = {
    [SATCHEL_LOGIN_UNAVAILABLE] = "unavailable",
    [SATCHEL_LOGIN_RIGHT] = "right",
    [SATCHEL_LOGIN_BAD_PASSWORD] = "bad-password",
    [SATCHEL_LOGIN_UNKNOWN_USER] = "unknown-user",
    [SATCHEL_LOGIN_LOCKED] = "locked",
    [SATCHEL_LOGIN_THROTTLED] = "throttled",
    [SATCHEL_LOGIN_BAD_CODE] = "bad-code",
    [SATCHEL_LOGIN_CODE_MISSING] = "code-missing",
    [SATCHEL_LOGIN_CODE_STALE] = "code-stale",
    [SATCHEL_LOGIN_MALFORMED] = "malformed",
    [SATCHEL_LOGIN_NEEDS_APP_PASSWORD] = "needs-app-password",
    [SATCHEL_LOGIN_NEEDS_GRANT] = "scram-needs-grant",
    [SATCHEL_LOGIN_OUT_OF_SCOPE] = "out-of-scope",
    [SATCHEL_LOGIN_NO_KEY] = "no-key",
  };
  return reasons[verdict];
}

/* Appends the user's name, always in quotes, and always ASCII. */
static void
append_user (GString *line, const char *name, gsize len)
{
  g_string_append (line, " user=");
  satchel_log_append_quoted (line, name, MIN (len, MAX_NAME_BYTES), TRUE);
}

static GString *
line_new (const char *what, const SatchelAuthEvent *event)
{
  GString *line = g_string_new (what);
  satchel_log_field (line, "rip", event->peer);
  satchel_log_field (line, "service", event->service);
  satchel_log_field (line, "method", event->method);
  return line;
}

static void
line_end (GString *line, const SatchelAuthEvent *event)
{
  char session[SATCHEL_SESSION_ID_CHARS + 1];
  satchel_session_id_text (event->session_id, session);
  satchel_log_field (line, "session", session);
}

/* Says whether a verdict is one of those that packaging/fail2ban counts; that list is frozen. */
static gboolean
is_guess (SatchelLoginVerdict verdict)
{
  return verdict == SATCHEL_LOGIN_BAD_PASSWORD || verdict == SATCHEL_LOGIN_UNKNOWN_USER
         || verdict == SATCHEL_LOGIN_LOCKED || verdict == SATCHEL_LOGIN_THROTTLED
         || verdict == SATCHEL_LOGIN_BAD_CODE;
}

void
satchel_auth_log_failure (const SatchelAuthEvent *event, SatchelLoginVerdict verdict)
{
  satchel_counter_add (&logins, 1, event->service, satchel_auth_reason (verdict));
  if (!satchel_log_budget_take (is_guess (verdict) ? &guesses : &others, "auth failed", event->peer))
    return;
  g_autoptr (GString) line = line_new ("auth failed:", event);
  satchel_log_field (line, "reason", satchel_auth_reason (verdict));
  append_user (line, event->name != NULL ? event->name : "", event->name_len);
  line_end (line, event);
  satchel_log (SATCHEL_LOG_INFO, AREA, "%s", line->str);
}

void
satchel_auth_log_proof (const SatchelAuthEvent *event, const char *why)
{
  if (!satchel_log_budget_take (&others, "proof refused", event->peer))
    return;
  g_autoptr (GString) line = line_new ("proof refused:", event);
  append_user (line, event->name != NULL ? event->name : "", event->name_len);
  satchel_log_field (line, "why", why);
  line_end (line, event);
  satchel_log (SATCHEL_LOG_INFO, AREA, "%s", line->str);
}

void
satchel_auth_log_success (const SatchelAuthEvent *event, const char *user, const char *credential)
{
  satchel_counter_add (&logins, 1, event->service, "ok");
  if (!satchel_log_is_enabled (SATCHEL_LOG_INFO))
    return;
  g_autoptr (GString) line = g_string_new ("login ok:");
  append_user (line, user, strlen (user));
  satchel_log_field (line, "rip", event->peer);
  satchel_log_field (line, "service", event->service);
  satchel_log_field (line, "method", event->method);
  line_end (line, event);
  satchel_log_field (line, "tls", event->has_tls ? "yes" : "no");
  if (strcmp (credential, SATCHEL_CREDENTIAL_PASSWORD) != 0)
    satchel_log_field (line, "credential", credential);
  satchel_log (SATCHEL_LOG_INFO, AREA, "%s", line->str);
}

void
satchel_auth_log_trouble (const char *user, const char *peer, const char *why)
{
  if (!satchel_log_budget_take (&others, "login not checked", peer))
    return;
  g_autoptr (GString) line = g_string_new ("login not checked:");
  satchel_log_field (line, "rip", peer);
  append_user (line, user, strlen (user));
  satchel_log (SATCHEL_LOG_ERROR, AREA, "%s %s", line->str, why);
}

void
satchel_auth_log_refusal (const SatchelAuthEvent *event, const char *why)
{
  satchel_counter_add (&logins, 1, event->service, why);
  if (!satchel_log_budget_take (&others, "auth refused", event->peer))
    return;
  g_autoptr (GString) line = line_new ("auth refused:", event);
  satchel_log_field (line, "why", why);
  line_end (line, event);
  satchel_log (SATCHEL_LOG_INFO, AREA, "%s", line->str);
}

void
satchel_auth_log_misplaced (const GError *error)
{
  if (!g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_INUSE)
      && satchel_log_budget_take (&others, "misplaced", "users"))
    satchel_log (SATCHEL_LOG_ERROR, AREA, "a user is not served: %s", error->message);
}
