/* SPDX-License-Identifier: MIT
 * Delivery filter for tests, compiled once a NAME: mail with "X-For: NAME" goes to the mailbox of its
 * setting, which a reload changes, unless another setting has it refuse that.
 */
#include <satchel/filter.h>
#include <satchel/module.h>
#include <satchel/stream.h>
#include <string.h>

static GMutex lock;
static char *in_force, *next; /* names of mailboxes; in_force under lock */

static void
sort (SatchelFilterItem *item)
{
  char head[4096];
  g_autoptr (GError) error = NULL;
  gssize n = satchel_stream_read_at (item->content, 0, head, sizeof head - 1, &error);
  if (n < 0)
    {
      satchel_filter_fail (item, error->message);
      return;
    }
  head[n] = '\0';
  if (strstr (head, "X-For: " NAME "\r\n") == NULL)
    {
      satchel_filter_answer (item, SATCHEL_FILTER_CONTINUE, NULL);
      return;
    }
  g_mutex_lock (&lock);
  (void) satchel_filter_set_mailbox (item, in_force, NULL);
  g_mutex_unlock (&lock);
  satchel_filter_answer (item, SATCHEL_FILTER_DONE, NULL);
}

static gboolean
reload (const SatchelConfig *section, GError **error)
{
  if (satchel_config_bool (section, "refuse"))
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "told to refuse");
  g_free (next);
  next = g_strdup (satchel_config_string (section, "mailbox"));
  return TRUE;
}

static void
reload_end (gboolean is_commit)
{
  g_mutex_lock (&lock);
  if (is_commit)
    {
      g_free (in_force);
      in_force = g_steal_pointer (&next);
    }
  g_mutex_unlock (&lock);
  g_clear_pointer (&next, g_free);
}

static gboolean
configure (const SatchelConfig *section, GError **error)
{
  in_force = g_strdup (satchel_config_string (section, "mailbox"));
  return TRUE;
}

static const SatchelConfigRow rows[] = {
  { "mailbox", SATCHEL_CONFIG_STRING, "Archive", "Where mail for it goes",
    .flags = SATCHEL_CONFIG_RELOADABLE },
  { "refuse", SATCHEL_CONFIG_BOOL, "false", "Refuses a reload", .flags = SATCHEL_CONFIG_RELOADABLE },
  { NULL },
};
static const SatchelDeliveryFilterOps ops = { .size = sizeof ops, .band = 500, .recipient = sort };
static const SatchelProvides provides[] = { { SATCHEL_KIND_DELIVERY_FILTER, NULL, &ops }, { 0 } };
static const SatchelModule module = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = NAME,
  .version = "1",
  .description = "Sorts mail, for tests",
  .licence = "MIT",
  .roles = SATCHEL_ROLE_MAIL,
  .schema = rows,
  .provides = provides,
  .configure = configure,
  .reload = reload,
  .reload_end = reload_end,
};

const SatchelModule *
satchel_module (void)
{
  return &module;
}
