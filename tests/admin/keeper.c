/* SPDX-License-Identifier: MIT
 * Module `keeper`, for tests: a layer and a listener whose upkeep is a line in the log, and that hang, fail
 * or take long at users who are named.
 */
#include <satchel/job.h>
#include <satchel/listener.h>
#include <satchel/module.h>
#include <string.h>

static const SatchelConfig *settings; /* in force */
static gint n_running;                /* of this process */
static gint n_more;                   /* slices of the one who takes long */

static gboolean
is_named (const char *key, const char *user)
{
  const char *name = satchel_config_string (settings, key);
  return name != NULL && g_str_has_prefix (user, name);
}

static gboolean
keeper_open (SatchelStorage *storage, const SatchelConfig *section, GError **error)
{
  return TRUE;
}

static SatchelMaintained
work (const char *user, const SatchelMaintenance *maintenance, GError **error)
{
  if (is_named ("hang", user))
    for (;;)
      g_usleep (G_USEC_PER_SEC);
  if (is_named ("fail", user))
    {
      satchel_error_set (error, SATCHEL_ERROR_CORRUPT, "nothing is where it was");
      return SATCHEL_MAINTAIN_FAILED;
    }
  if (is_named ("slow", user))
    {
      while (!satchel_maintenance_is_over (maintenance))
        g_usleep (1000);
      if (++n_more < 5 || is_named ("endless", user))
        return SATCHEL_MAINTAIN_MORE;
    }
  return SATCHEL_MAINTAIN_DONE;
}

static SatchelMaintained
keeper_maintain (SatchelStorage *storage, const SatchelAccess *access, const SatchelMaintenance *maintenance,
                 GError **error)
{
  gint n = g_atomic_int_add (&n_running, 1) + 1;
  gint64 off_s = g_get_real_time () / G_USEC_PER_SEC - maintenance->now_s;
  satchel_log (SATCHEL_LOG_INFO, "keeper", "visit user=%s cause=%s service=%s at_once=%d clock=%s jumped=%s",
               storage->identity->user, satchel_cause_name (access->cause), access->service, n,
               ABS (off_s) < 60 ? "right" : "wrong", maintenance->clock_jumped ? "yes" : "no");
  SatchelMaintained result = work (storage->identity->user, maintenance, error);
  if (result == SATCHEL_MAINTAIN_DONE)
    satchel_log (SATCHEL_LOG_INFO, "keeper", "done user=%s", storage->identity->user);
  g_atomic_int_add (&n_running, -1);
  return result;
}

static const SatchelStorageOps layer = { .size = sizeof layer,
                                         .band = 500,
                                         .classes = SATCHEL_CLASS_FLAGS,
                                         .newest_operation = SATCHEL_OPERATION_MOVE,
                                         .open = keeper_open,
                                         .maintain = keeper_maintain };

static void
changed (const SatchelMailboxEvent *event)
{
}

static SatchelMaintained
listener_maintain (SatchelStore *store, const SatchelMaintenance *maintenance, GError **error)
{
  satchel_log (SATCHEL_LOG_INFO, "keeper", "listener user=%s cause=%s", satchel_store_user (store),
               satchel_cause_name (satchel_store_access (store)->cause));
  return SATCHEL_MAINTAIN_DONE;
}

static const SatchelMailboxListenerOps listener = {
  .size = sizeof listener, .band = 500, .changed = changed, .maintain = listener_maintain
};

static gboolean
configure (const SatchelConfig *section, GError **error)
{
  settings = section;
  return TRUE;
}

static const SatchelConfigRow schema[] = {
  { "hang", SATCHEL_CONFIG_STRING, NULL, "At whom it hangs" },
  { "fail", SATCHEL_CONFIG_STRING, NULL, "At whom it fails" },
  { "slow", SATCHEL_CONFIG_STRING, NULL, "At whom it takes five slices" },
  { "endless", SATCHEL_CONFIG_STRING, NULL, "And at whom it never ends" },
  { NULL }
};
static const SatchelProvides provides[] = { { SATCHEL_KIND_STORAGE_LAYER, NULL, &layer },
                                            { SATCHEL_KIND_MAILBOX_LISTENER, NULL, &listener },
                                            { 0 } };
static const SatchelModule module = { SATCHEL_MODULE_FACTS,  .name = "keeper",
                                      .version = "1",        .description = "Upkeep for tests",
                                      .licence = "MIT",      .roles = SATCHEL_ROLE_MAIL,
                                      .schema = schema,      .provides = provides,
                                      .configure = configure };

SATCHEL_API const SatchelModule *
satchel_module (void)
{
  return &module;
}
