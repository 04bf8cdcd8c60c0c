/* SPDX-License-Identifier: MIT
 * This file looks up all aliases by the code of auth, so that circles, and targets that are not users, are
 * reported before any mail waits for them.
 */
#include "config.h"

#include "core/daemon/auth/auth.h"
#include "core/daemon/config/config_role.h"

#include <string.h>

#define ALIASES_MAX 10000u

typedef struct Trial
{
  SatchelAuth auth;
  guint n_tried;
} Trial;

static guint
flags_of (const SatchelUserdbOps *ops)
{
  return ops->size >= G_STRUCT_OFFSET (SatchelUserdbOps, flags) + sizeof ops->flags ? ops->flags : 0;
}

/* The result of a look-up is not used, since the log has what is wrong. */
static void
tried (SatchelDeliveryStatus status, GPtrArray *users, const char *why, gpointer data)
{
}

static void
try_alias (const char *address, gpointer data)
{
  Trial *trial = data;
  if (trial->n_tried++ < ALIASES_MAX)
    satchel_auth_look_up (&trial->auth, address, NULL, 0, tried, NULL);
}

static gboolean
is_told (const SatchelConfigWork *work, const char *text)
{
  for (guint i = 0; i < work->plan->problems->len; i++)
    if (strcmp (((const SatchelConfigProblem *) work->plan->problems->pdata[i])->text, text) == 0)
      return TRUE;
  return FALSE;
}

/* Makes problems of new lines of the log.  The checks of the modules have already reported mistakes in lines
 * of their files. */
static void
tell_new (SatchelConfigWork *work, const GPtrArray *lines)
{
  for (guint i = 0; i < lines->len; i++)
    {
      const SatchelConfigProblem *line = lines->pdata[i];
      if (!is_told (work, line->text))
        satchel_plan_add_problem (work->plan, TRUE, "", "%s", line->text);
    }
}

static void
look_up_all (SatchelConfigWork *work, const GPtrArray *userdbs)
{
  const SatchelConfig *server = satchel_config_set_group (work->set, "server"),
                      *own = satchel_config_set_group (work->set, "auth");
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_config_problem_free);
  g_autoptr (GPtrArray) ops = g_ptr_array_new ();
  for (guint i = 0; i < userdbs->len; i++)
    g_ptr_array_add (ops, (gpointer) ((const SatchelProvided *) userdbs->pdata[i])->ops);
  Trial trial = { .auth = { .userdbs = ops } };
  trial.auth.settings.default_domain = (char *) satchel_config_string (server, "default_domain");
  trial.auth.settings.lowers_users = satchel_config_bool (server, "lower_case_users");
  trial.auth.settings.domains = (char **) satchel_config_strings (own, "domains");
  satchel_loader_collect_lines (lines);
  for (guint i = 0; i < ops->len; i++)
    {
      const SatchelUserdbOps *one = ops->pdata[i];
      if (SATCHEL_HAS (one, list_aliases))
        one->list_aliases (try_alias, &trial);
    }
  satchel_loader_collect_lines (NULL);
  satchel_calls_end (); /* this ends calls of a module that answers later, which it must not */
  tell_new (work, lines);
}

void
satchel_config_work_addresses (SatchelConfigWork *work)
{
  g_autoptr (GPtrArray) userdbs = satchel_loader_find_all (work->loader, SATCHEL_KIND_USERDB);
  g_autoptr (GPtrArray) modules = g_ptr_array_new ();
  for (guint i = userdbs->len; i > 0; i--)
    {
      const SatchelProvided *provided = userdbs->pdata[i - 1];
      if (!satchel_config_set_is_enabled (work->set, provided->module->name))
        g_ptr_array_remove_index (userdbs, i - 1);
      /* A target may be a user whom only this database knows. */
      else if ((flags_of (provided->ops) & SATCHEL_USERDB_FILES) == 0)
        return;
    }
  gboolean ok = TRUE;
  for (guint i = 0; i < userdbs->len && ok; i++)
    {
      const SatchelModule *module = ((const SatchelProvided *) userdbs->pdata[i])->module;
      if (g_ptr_array_find (modules, module, NULL))
        continue;
      g_autoptr (GError) error = NULL;
      ok = module->configure == NULL
           || module->configure (satchel_config_set_group (work->set, module->name), &error);
      g_ptr_array_add (modules, (gpointer) module);
    }
  if (ok)
    look_up_all (work, userdbs);
  for (guint i = 0; i < modules->len; i++)
    if (((const SatchelModule *) modules->pdata[i])->stop != NULL)
      ((const SatchelModule *) modules->pdata[i])->stop ();
}
