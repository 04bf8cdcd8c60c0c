/* SPDX-License-Identifier: MIT
 * The lines that filters and people read.  Their form is frozen: the address stands before anything that the client
 * chose, the user is always quoted, and nothing in quotes can end them.
 */
#include "config.h"

#include "core/daemon/auth.h"
#include "core/runtime/log_private.h"
#include "core/session/session_id.h"

#include <satchel/log.h>

#define AREA "auth"
#define MAX_NAME_BYTES 255
#define LINES_A_SECOND 50
#define BURST_LINES 1000
#define LINES_OF_A_PLACE 200 /* an hour; a filter has banned it long before */
#define SUMMARY_MS 10000

/* A bucket of lines that fills again by LINES_A_SECOND. */
static struct
{
  gint64 filled_ms;
  gint64 n_free;
  guint64 n_left_out;
  SatchelTimer summary;
  gboolean is_armed;
} flood = { .n_free = BURST_LINES };

/* Always in quotes, always ASCII. */
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

static void
tell_summary (SatchelTimer *timer, gpointer data)
{
  flood.is_armed = FALSE;
  satchel_log (SATCHEL_LOG_WARNING, AREA, "%" G_GUINT64_FORMAT " lines of failed logins left out in %d s", flood.n_left_out,
               SUMMARY_MS / 1000);
  flood.n_left_out = 0;
}

static gboolean
may_log (guint n_failures_of_place)
{
  gint64 now_ms = satchel_now_ms ();
  gint64 n_more = (now_ms - flood.filled_ms) * LINES_A_SECOND / 1000;
  if (n_more > 0)
    {
      flood.n_free = MIN (flood.n_free + n_more, BURST_LINES);
      flood.filled_ms = now_ms;
    }
  if (flood.n_free > 0 && n_failures_of_place <= LINES_OF_A_PLACE)
    {
      flood.n_free--;
      return TRUE;
    }
  flood.n_left_out++;
  if (!flood.is_armed)
    satchel_timer_arm (&flood.summary, SUMMARY_MS, tell_summary, NULL);
  flood.is_armed = TRUE;
  return FALSE;
}

void
satchel_auth_log_failure (const SatchelAuthEvent *event, SatchelLoginVerdict verdict, guint n_failures_of_place)
{
  if (!may_log (n_failures_of_place))
    return;
  g_autoptr (GString) line = line_new ("auth failed:", event);
  satchel_log_field (line, "reason", satchel_login_reason (verdict));
  append_user (line, event->name != NULL ? event->name : "", event->name_len);
  line_end (line, event);
  satchel_log (SATCHEL_LOG_INFO, AREA, "%s", line->str);
}

void
satchel_auth_log_success (const SatchelAuthEvent *event, const char *user)
{
  if (!satchel_log_is_enabled (SATCHEL_LOG_INFO))
    return;
  g_autoptr (GString) line = g_string_new ("login ok:");
  append_user (line, user, strlen (user));
  satchel_log_field (line, "rip", event->peer);
  satchel_log_field (line, "service", event->service);
  satchel_log_field (line, "method", event->method);
  line_end (line, event);
  satchel_log_field (line, "tls", event->has_tls ? "yes" : "no");
  satchel_log (SATCHEL_LOG_INFO, AREA, "%s", line->str);
}

void
satchel_auth_log_refusal (const SatchelAuthEvent *event, const char *why)
{
  if (!may_log (0))
    return;
  g_autoptr (GString) line = line_new ("auth refused:", event);
  satchel_log_field (line, "why", why);
  line_end (line, event);
  satchel_log (SATCHEL_LOG_INFO, AREA, "%s", line->str);
}
