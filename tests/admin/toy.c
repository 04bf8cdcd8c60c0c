/* SPDX-License-Identifier: MIT
 * Module `toy`, for tests: admin commands of every kind, and a layer that they reach.
 */
#include <satchel/admin.h>
#include <satchel/job.h>
#include <satchel/module.h>
#include <stdlib.h>
#include <string.h>

/* ---- a layer that counts who opens a mailbox ---- */

typedef struct Toy
{
  gint n_opened;
  gint cause; /* of the last one */
} Toy;

static gboolean
toy_open (SatchelStorage *storage, const SatchelConfig *section, GError **error)
{
  storage->self = g_new0 (Toy, 1);
  return TRUE;
}

static void
toy_close (SatchelStorage *storage)
{
  g_free (storage->self);
}

static SatchelStorageMailbox *
toy_open_mailbox (SatchelStorage *storage, const SatchelAccess *access, const char *name, GError **error)
{
  Toy *toy = storage->self;
  g_atomic_int_inc (&toy->n_opened);
  g_atomic_int_set (&toy->cause, (gint) access->cause);
  return satchel_storage_open_mailbox (storage, access, name, error);
}

static const SatchelStorageOps layer = { .size = sizeof layer,
                                         .band = 500,
                                         .classes = SATCHEL_CLASS_LIST,
                                         .newest_operation = SATCHEL_OPERATION_MOVE,
                                         .open = toy_open,
                                         .close = toy_close,
                                         .open_mailbox = toy_open_mailbox };

/* ---- commands ---- */

/* A record a mailbox; then the layer's own count. */
static gboolean
run_count (SatchelAdminCall *call, GError **error)
{
  const SatchelConfig *options = satchel_admin_options (call);
  g_autoptr (SatchelStore) store = satchel_admin_open_store (call, error);
  g_autoptr (GPtrArray) names = store != NULL ? satchel_store_list (store, error) : NULL;
  const char *only = satchel_config_string (options, "mailbox");
  gint64 limit = satchel_config_int (options, "limit"), n = 0;
  if (names == NULL)
    return FALSE;
  for (guint i = 0; i < names->len && n < limit; i++)
    {
      const SatchelMailboxInfo *info = names->pdata[i];
      if (!info->is_selectable || (only != NULL && strcmp (only, info->name) != 0))
        continue;
      g_autoptr (SatchelMailbox) mailbox = satchel_store_open_mailbox (store, info->name, error);
      if (mailbox == NULL)
        return FALSE;
      g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
      satchel_admin_progress (call, ++n, names->len, "mailboxes");
      if (!satchel_admin_record (call, SATCHEL_ADMIN_TEXT ("mailbox", info->name),
                                 SATCHEL_ADMIN_NUMBER ("messages", snapshot->state.n_messages),
                                 SATCHEL_ADMIN_BOOL ("quick", satchel_config_bool (options, "quick"))))
        return FALSE;
    }
  if (only != NULL && n == 0)
    return satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "%s: no such mailbox", only);
  const SatchelStorage *level = satchel_store_level (store, &layer);
  const Toy *toy = level->self;
  satchel_admin_print (call, "%s: %d opened, cause %s, service %s", satchel_store_user (store), toy->n_opened,
                       satchel_cause_name ((SatchelCause) toy->cause), satchel_admin_access (call)->service);
  return TRUE;
}

static const SatchelConfigRow count_options[] = {
  { "mailbox", SATCHEL_CONFIG_STRING, NULL, "Only this one" },
  { "limit", SATCHEL_CONFIG_INT, "100", "At most so many", .min = 1, .max = 1000 },
  { "quick", SATCHEL_CONFIG_BOOL, "false", "Says so in each record" },
  { NULL }
};
static const SatchelAdminCommand count = { .size = sizeof count,
                                           .name = "count",
                                           .summary = "Count the messages of a user's mailboxes",
                                           .details =
                                               "It opens each of them.\n-- A name is as clients see it.",
                                           .options = count_options,
                                           .of_user = TRUE,
                                           .run = run_count };

/* Says what is asked of it, whoever asks. */
static gboolean
run_say (SatchelAdminCall *call, GError **error)
{
  const SatchelConfig *options = satchel_admin_options (call);
  gint64 times = satchel_config_int (options, "times");
  for (gint64 i = 0; i < times; i++)
    if (!satchel_admin_print (call, "%s", satchel_config_string (options, "text")))
      return FALSE;
  satchel_admin_progress (call, (guint64) times, (guint64) times, "lines");
  return TRUE;
}

static const SatchelConfigRow say_options[] = {
  { "text", SATCHEL_CONFIG_STRING, NULL, "What to say", .flags = SATCHEL_CONFIG_REQUIRED },
  { "times", SATCHEL_CONFIG_INT, "1", "How often", .min = 1, .max = 100000000 },
  { "tone", SATCHEL_CONFIG_ENUM, "kind", "How it is meant", .choices = "kind|stern" },
  { "wait", SATCHEL_CONFIG_DURATION, "0s", "Not looked at" },
  { NULL }
};
static const SatchelAdminCommand say = {
  .size = sizeof say, .name = "say", .summary = "Say something", .options = say_options, .run = run_say
};

/* Works until it is told to end; says then that it has, in a file, since nobody may be there to read it. */
static gboolean
run_work (SatchelAdminCall *call, GError **error)
{
  guint64 n = 0;
  while (!satchel_admin_is_cancelled (call))
    {
      satchel_admin_progress (call, ++n, 0, "rounds");
      if (n == 1)
        satchel_admin_print (call, "working");
      g_usleep (10000);
    }
  satchel_log (SATCHEL_LOG_INFO, "toy", "work was told to end");
  return satchel_error_set (error, SATCHEL_ERROR_FAILED, "not done");
}
static const SatchelAdminCommand work = {
  .size = sizeof work, .name = "work", .summary = "Work until cancelled", .run = run_work
};

/* Neither says nor asks anything. */
static gboolean
run_hang (SatchelAdminCall *call, GError **error)
{
  for (;;)
    g_usleep (G_USEC_PER_SEC);
  return TRUE;
}
static const SatchelAdminCommand hang = {
  .size = sizeof hang, .name = "hang", .summary = "Hang", .of_user = TRUE, .run = run_hang
};

static gboolean
run_fail (SatchelAdminCall *call, GError **error)
{
  return satchel_error_set (error, SATCHEL_ERROR_OVERQUOTA, "there is\nno room");
}
static const SatchelAdminCommand fail = {
  .size = sizeof fail, .name = "fail", .summary = "Fail", .run = run_fail
};

static gboolean
run_crash (SatchelAdminCall *call, GError **error)
{
  abort ();
}
static const SatchelAdminCommand crash = {
  .size = sizeof crash, .name = "crash", .summary = "Crash", .run = run_crash
};

static const SatchelAdminCommand *const commands[] = { &count, &say, &work, &hang, &fail, &crash, NULL };
static const SatchelAdminOps admin = { .size = sizeof admin, .commands = commands };

static const SatchelProvides provides[] = { { SATCHEL_KIND_ADMIN, NULL, &admin },
                                            { SATCHEL_KIND_STORAGE_LAYER, NULL, &layer },
                                            { 0 } };

static const SatchelModule module = { SATCHEL_MODULE_FACTS, .name = "toy",
                                      .version = "1",       .description = "A toy for tests",
                                      .licence = "MIT",     .roles = SATCHEL_ROLE_MAIL,
                                      .provides = provides };

SATCHEL_API const SatchelModule *
satchel_module (void)
{
  return &module;
}
