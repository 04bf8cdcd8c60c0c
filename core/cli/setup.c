/* SPDX-License-Identifier: MIT
 * Reads configuration and loads modules for the commands that need them.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "core/base/user.h"
#include "core/cli/cli.h"

SatchelConfigSet *
satchel_cli_load_core (const SatchelCli *cli)
{
  g_autoptr (GPtrArray) ignored =
      g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_config_problem_free);
  return satchel_config_load_lenient (cli->defaults_dir, cli->config_dir,
                                      (const char *const *) cli->overrides->pdata, NULL, NULL, ignored);
}

SatchelServerSettings
satchel_cli_server_settings (const SatchelConfigSet *set)
{
  SatchelServerSettings server;
  satchel_server_settings_read (satchel_config_set_group (set, "server"), &server);
  return server;
}

char *
satchel_cli_user_name (const SatchelConfigSet *set, const char *name, int *ret_exit)
{
  const SatchelServerSettings server = satchel_cli_server_settings (set);
  g_autoptr (GError) error = NULL;
  char *user =
      satchel_user_normalise (name, strlen (name), server.default_domain, server.lowers_users, &error);
  if (user == NULL)
    *ret_exit = satchel_cli_fail (SATCHEL_EXIT_DATA, "%s is not a user name: %s", name, error->message);
  return user;
}

/* Finds the directories of modules, which must be known before any module can be asked for its settings. */
static char **
module_dirs (const SatchelCli *cli)
{
  if (cli->module_dir != NULL)
    {
      const char *one[] = { cli->module_dir, NULL };
      return g_strdupv ((char **) one);
    }
  g_autoptr (SatchelConfigSet) core = satchel_cli_load_core (cli);
  return satchel_loader_search_path (satchel_cli_server_settings (core).module_dir);
}

gboolean
satchel_cli_load (SatchelCli *cli, GPtrArray *problems)
{
  g_auto (GStrv) dirs = module_dirs (cli);
  g_clear_pointer (&cli->set, satchel_config_set_free);
  g_clear_pointer (&cli->loader, satchel_loader_free);
  cli->loader = satchel_loader_new (SATCHEL_ROLE_CONFIG, (const char *const *) dirs);
  cli->set =
      satchel_config_load (cli->defaults_dir, cli->config_dir, (const char *const *) cli->overrides->pdata,
                           satchel_loader_schema, cli->loader, problems);
  (void) satchel_loader_end_trials (cli->loader); /* a command may take hours */
  return cli->set != NULL;
}

void
satchel_cli_print_problems (const GPtrArray *problems)
{
  fflush (stdout);
  for (guint i = 0; i < problems->len; i++)
    {
      g_autofree char *text = satchel_config_problem_text (problems->pdata[i]);
      fprintf (stderr, "%s\n", text);
    }
}

int
satchel_cli_setup (SatchelCli *cli)
{
  g_autoptr (GPtrArray) problems =
      g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_config_problem_free);
  if (satchel_cli_load (cli, problems))
    return SATCHEL_EXIT_OK;
  satchel_cli_print_problems (problems);
  return satchel_cli_fail (SATCHEL_EXIT_CONFIG,
                           "the configuration has mistakes; `satchel config check` shows them again");
}

int
satchel_cli_start_modules (SatchelCli *cli)
{
  g_auto (GStrv) dirs = module_dirs (cli);
  /* A new loader takes the place of the first, which also has modules that were loaded for their settings
   * only. */
  g_clear_pointer (&cli->loader, satchel_loader_free);
  cli->loader = satchel_loader_new (SATCHEL_ROLE_CLI, (const char *const *) dirs);
  for (const char *const *name = satchel_config_set_names (cli->set); *name != NULL; name++)
    {
      /* A module that fails is reported and left out, since the command may not need it. */
      g_autoptr (GError) error = NULL;
      if (satchel_config_set_is_enabled (cli->set, *name)
          && satchel_loader_load (cli->loader, *name, FALSE, &error) == NULL)
        satchel_cli_fail (SATCHEL_EXIT_CONFIG, "%s", error->message);
    }
  g_autoptr (GError) error = NULL;
  if (!satchel_loader_configure (cli->loader, cli->set, &error)
      || !satchel_loader_start (cli->loader, &error))
    return satchel_cli_fail (SATCHEL_EXIT_CONFIG, "%s", error->message);
  return SATCHEL_EXIT_OK;
}
