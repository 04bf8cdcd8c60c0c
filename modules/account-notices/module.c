/* SPDX-License-Identifier: MIT
 * Describes account-notices, which sends mail to users about what happened to their accounts. Role auth.
 */
#include "rate.h"
#include "message.h"
#include "queue.h"

#include <satchel/config.h>
#include <satchel/log.h>
#include <satchel/module.h>
#include <satchel/reactor.h>
#include <string.h>

#define AREA "account-notices"
#define SOON_MS 200
#define RETRY_MIN_MS 5000
#define RETRY_MAX_MS 900000
#define GIVE_UP_S (24 * 3600)
#define AT_A_TIME 16u

typedef struct Settings
{
  const char *path, *template, *sender;
  const char *const *about;
  guint per_day;
} Settings;
#define INTO(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, Settings, member)
#define RELOAD SATCHEL_CONFIG_RELOADABLE

static const SatchelConfigRow schema[] = {
  { "about", INTO (STRINGS, about),
    "( \"factor-added\", \"factor-shut\", \"app-password-added\", \"device-added\", \"password-alone\" )",
    "What users get mail about: a second factor that was enrolled, one that too many wrong codes have shut, "
    "a "
    "new app password, a login with a code from a new network, a right password without code from a new one",
    .flags = RELOAD },
  { "per_day", INTO (INT, per_day), "10",
    "Most notices that one user gets in 24 hours; of one kind and network one an hour", .min = 1, .max = 1000,
    .flags = RELOAD },
  { "sender", INTO (STRING, sender), NULL,
    "What stands in From, such as \"Mail team <postmaster@example.org>\"; unset: postmaster at the user's "
    "domain",
    .flags = RELOAD },
  { "template", INTO (PATH, template), NULL,
    "File with the text of notices; unset: an English text that is built in", .flags = RELOAD },
  { "path", INTO (PATH, path), SATCHEL_STATE_DIR "/auth/account-notices",
    "File that holds notices until they are delivered" },
  { NULL }
};

/* All of it follows from the settings. */
typedef struct Plan
{
  Template *text;
  char *sender, *path;
  guint per_day;
  gboolean is_about[NOTICE_KINDS];
} Plan;

static Plan *plan, *worked_out; /* `worked_out` is made by reload, for reload_end */
static Queue *queue;
static Limits *limits;
static SatchelTimer timer;

static void
plan_free (Plan *old)
{
  if (old == NULL)
    return;
  template_free (old->text);
  g_free (old->sender);
  g_free (old->path);
  g_free (old);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Plan, plan_free)

static gboolean
choose_kinds (Plan *own, const char *const *about, GError **error)
{
  for (; *about != NULL; about++)
    {
      guint kind = notice_kind_find (*about);
      own->is_about[kind] = kind != 0;
      if (kind == 0)
        {
          satchel_error_set (error, SATCHEL_ERROR_INVALID, "nobody can be told about \"%s\"", *about);
          satchel_error_blame_setting (error, "about");
          return FALSE;
        }
    }
  return TRUE;
}

static Plan *
plan_new (const SatchelConfig *section, GError **error)
{
  Settings settings = { 0 };
  g_autoptr (Plan) own = g_new0 (Plan, 1);
  satchel_config_fill (section, schema, &settings);
  own->path = g_strdup (settings.path);
  own->sender = g_strdup (settings.sender);
  own->per_day = settings.per_day;
  if (own->sender != NULL && !message_is_sender (own->sender))
    {
      satchel_error_set (error, SATCHEL_ERROR_INVALID, "\"%s\" cannot stand in a From field", own->sender);
      satchel_error_blame_setting (error, "sender");
      return NULL;
    }
  own->text = template_read (settings.template, error);
  if (own->text == NULL)
    {
      satchel_error_blame_setting (error, "template");
      return NULL;
    }
  return choose_kinds (own, settings.about, error) ? g_steal_pointer (&own) : NULL;
}

/* ---- sending ---- */

static void
log_notice (SatchelLogLevel level, const char *what, const Notice *notice)
{
  g_autoptr (GString) line = g_string_new (what);
  satchel_log_field (line, "user", notice->user);
  satchel_log_field (line, "about", notice_kind_name (notice->kind));
  if (*notice->network != '\0')
    satchel_log_field (line, "network", notice->network);
  satchel_log (level, AREA, "%s", line->str);
}

static void run_queue (SatchelTimer *own, gpointer data);

static void
look_soon (gint64 delay_ms)
{
  if (timer.due_ms == 0 || timer.due_ms > satchel_now_ms () + delay_ms)
    satchel_timer_arm (&timer, delay_ms, run_queue, NULL);
}

static gboolean
may_come_later (SatchelDeliveryStatus status)
{
  return status == SATCHEL_DELIVERY_TEMPORARY || status == SATCHEL_DELIVERY_OVERQUOTA
         || status == SATCHEL_DELIVERY_NOSPACE;
}

/* Puts the next try off: the longer it fails, the more rarely it is tried. */
static void
put_off (Notice *notice)
{
  gint64 delay_ms = MIN (RETRY_MIN_MS << MIN (notice->n_tries, 10), RETRY_MAX_MS);
  notice->n_tries++;
  notice->due_ms = satchel_now_ms () + delay_ms;
  look_soon (delay_ms);
}

static void
delivered (SatchelDeliveryStatus status, gpointer data)
{
  Notice *notice = queue != NULL ? queue_find (queue, GPOINTER_TO_SIZE (data)) : NULL;
  if (notice == NULL)
    return;
  notice->is_sent = FALSE;
  gboolean is_old = g_get_real_time () / G_USEC_PER_SEC - notice->time_s > GIVE_UP_S;
  if (may_come_later (status) && !is_old)
    {
      put_off (notice);
      return;
    }
  if (status != SATCHEL_DELIVERY_OK)
    log_notice (SATCHEL_LOG_WARNING, "notice not delivered:", notice);
  queue_remove (queue, notice);
  look_soon (SOON_MS);
}

static void
send_notice (Notice *notice)
{
  g_autoptr (GBytes) message = message_new (notice, plan->text, plan->sender);
  notice->is_sent = TRUE;
  satchel_account_mail (notice->user, message, delivered, GSIZE_TO_POINTER ((gsize) notice->id));
}

/* Sends the notices that are due.  A notice is stored before it is sent, so one that may have been lost in
 * between is sent twice rather than never. */
static void
run_queue (SatchelTimer *own, gpointer data)
{
  gint64 now_ms = satchel_now_ms (), next_ms = 0;
  guint n_sent = 0;
  queue_sync (queue);
  for (guint i = 0; i < queue_all (queue)->len; i++)
    n_sent += ((Notice *) queue_all (queue)->pdata[i])->is_sent;
  for (guint i = 0; i < queue_all (queue)->len; i++)
    {
      Notice *notice = queue_all (queue)->pdata[i];
      if (notice->is_sent)
        continue;
      if (notice->due_ms <= now_ms && n_sent < AT_A_TIME)
        {
          n_sent++;
          send_notice (notice);
        }
      else if (notice->due_ms > now_ms)
        next_ms = next_ms == 0 ? notice->due_ms : MIN (next_ms, notice->due_ms);
    }
  if (next_ms != 0)
    look_soon (next_ms - now_ms);
}

static void
happened (const SatchelAccountEvent *event)
{
  if (queue == NULL || notice_kind_name (event->kind) == NULL || !plan->is_about[event->kind])
    return;
  Notice *notice = notice_new (event);
  if (notice == NULL)
    return;
  if (!limits_take (limits, notice, plan->per_day, satchel_now_ms ()))
    {
      notice_free (notice);
      return;
    }
  /* This line is all that remains of the notice if auth dies before it is stored. */
  log_notice (SATCHEL_LOG_INFO, "notice:", notice);
  if (queue_add (queue, notice))
    look_soon (SOON_MS);
  else
    satchel_log (SATCHEL_LOG_WARNING, AREA, "the notice is lost, since %u others wait already", QUEUE_MAX);
}

/* ---- the module ---- */

static gboolean
check (const SatchelConfig *section, GError **error)
{
  g_autoptr (Plan) own = plan_new (section, error);
  return own != NULL;
}

static gboolean
configure (const SatchelConfig *section, GError **error)
{
  plan = plan_new (section, error);
  return plan != NULL;
}

static gboolean
start (SatchelRole role, GError **error)
{
  if (role != SATCHEL_ROLE_AUTH)
    return TRUE;
  limits = limits_new ();
  queue = queue_new (plan->path);
  if (queue_all (queue)->len > 0)
    look_soon (SOON_MS);
  return TRUE;
}

static gboolean
reload (const SatchelConfig *section, GError **error)
{
  worked_out = plan_new (section, error);
  return worked_out != NULL;
}

static void
reload_end (gboolean is_commit)
{
  if (is_commit)
    {
      plan_free (plan);
      plan = g_steal_pointer (&worked_out);
    }
  g_clear_pointer (&worked_out, plan_free);
}

static void
stop (void)
{
  satchel_timer_cancel (&timer);
  g_clear_pointer (&queue, queue_free);
  g_clear_pointer (&limits, limits_free);
  g_clear_pointer (&plan, plan_free);
}

static const SatchelAccountListenerOps listener = { sizeof listener, happened };
static const SatchelProvides provides[] = { { .kind = SATCHEL_KIND_ACCOUNT_LISTENER, .ops = &listener },
                                            { 0 } };

static const SatchelModule descriptor = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = "account-notices",
  .version = "0.1.0",
  .description = "Mail to users about what happened to their accounts",
  .licence = "MIT",
  .roles = SATCHEL_ROLE_AUTH,
  .schema = schema,
  .provides = provides,
  .check = check,
  .configure = configure,
  .start = start,
  .reload = reload,
  .reload_end = reload_end,
  .stop = stop,
};

const SatchelModule *
satchel_module (void)
{
  return &descriptor;
}
