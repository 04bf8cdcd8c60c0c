/* SPDX-License-Identifier: MIT
 * Describes app-passwords, which gives each device or program a password of its own. Role auth.
 */
#include "app_passwords.h"

#include <satchel/log.h>
#include <satchel/module.h>
#include <satchel/reactor.h>
#include <string.h>

#define FIRST_TICK_MS 1000
#define TICK_MS 60000
#define NOTE_TICKS 5u /* so often last uses are written to the file */
#define DAY_S 86400

static SatchelTimer timer;
static guint n_ticks;
static gint64 expired_until_s; /* passwords that expired before this time have been looked at */

typedef struct Settings
{
  const char *path;
} Settings;
static const SatchelConfigRow schema[] = { { "path", SATCHEL_CONFIG_INTO (PATH, Settings, path),
                                             SATCHEL_STATE_DIR "/auth/app-passwords",
                                             "File that holds app passwords, as keyed hashes" },
                                           { NULL } };

/* ---- from time to time ---- */

static void
end_expired (const char *user, AppPassword *password, gpointer data)
{
  gint64 now_s = *(gint64 *) data;
  if (password->expires_s <= expired_until_s || password->expires_s > now_s)
    return;
  g_autofree char *name = app_password_name (password);
  satchel_auth_end_credential (user, name);
}

/* Writes the last uses to the file.  The caller holds the lock. */
static void
note_uses (void)
{
  g_autoptr (GError) error = NULL;
  if (app_state_note_uses (app_module.state) && !app_state_commit (app_module.state, &error))
    satchel_log (SATCHEL_LOG_WARNING, APP_AREA, "the last uses of app passwords were not stored: %s",
                 error->message);
}

static void
tick (SatchelTimer *own, gpointer data)
{
  gint64 now_s = app_now_s ();
  satchel_timer_arm (own, TICK_MS, tick, NULL);
  app_slots_drop_soon ();
  if (!app_lock (NULL))
    return;
  app_state_foreach (app_module.state, end_expired, &now_s);
  expired_until_s = now_s;
  if (++n_ticks % NOTE_TICKS == 0)
    note_uses ();
  app_unlock ();
}

/* ---- the module ---- */

static gboolean
configure (const SatchelConfig *section, GError **error)
{
  Settings settings = { 0 };
  satchel_config_fill (section, schema, &settings);
  app_module.path = g_strdup (settings.path);
  return TRUE;
}

/* Starts the module.  If the file cannot be used, app passwords are refused, but the server starts, and
 * logins by password and sessions go on. */
static gboolean
start (SatchelRole role, GError **error)
{
  if (role != SATCHEL_ROLE_AUTH)
    return TRUE;
  expired_until_s = app_now_s () - DAY_S; /* passwords may have expired while there was no auth process */
  n_ticks = 0;
  g_mutex_lock (&app_module.lock);
  (void) app_open_state (NULL);
  g_mutex_unlock (&app_module.lock);
  satchel_timer_arm (&timer, FIRST_TICK_MS, tick, NULL);
  return TRUE;
}

static void
stop (void)
{
  satchel_timer_cancel (&timer);
  g_mutex_lock (&app_module.lock);
  if (app_module.state != NULL)
    note_uses ();
  g_clear_pointer (&app_module.state, app_state_free);
  g_clear_pointer (&app_module.path, g_free);
  g_clear_pointer (&app_module.trouble, g_free);
  g_mutex_unlock (&app_module.lock);
}

static const SatchelProvides provides[] = {
  { .kind = SATCHEL_KIND_FACTOR, .ops = &app_factor },
  { .kind = SATCHEL_KIND_ADMIN, .name = "app-password", .ops = &app_commands },
  { 0 }
};

static const SatchelModule descriptor = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = "app-passwords",
  .version = "0.1.0",
  .description = "A password of its own for each device",
  .licence = "MIT",
  .roles = SATCHEL_ROLE_AUTH,
  .schema = schema,
  .provides = provides,
  .configure = configure,
  .start = start,
  .stop = stop,
};

const SatchelModule *
satchel_module (void)
{
  return &descriptor;
}
