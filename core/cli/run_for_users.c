/* SPDX-License-Identifier: MIT
 * This file runs a command of the server itself for the users that a command line names, one after the other.
 */
#include "config.h"

#include "core/cli/cli.h"
#include "core/runtime/loader/admin_options.h"

GPtrArray *
satchel_cli_words (const SatchelCli *cli, const SatchelAdminCommand *command)
{
  GPtrArray *words = g_ptr_array_new_with_free_func (g_free);
  for (const SatchelConfigRow *row = command->options; row != NULL && row->key != NULL; row++)
    {
      g_autofree char *name = g_strconcat ("--", row->key, NULL);
      const char *value = satchel_cli_option (cli, name);
      if (value != NULL)
        g_ptr_array_add (words, g_strconcat (row->key, "=", value, NULL));
    }
  return words;
}

/* Finds the users.  Modules are loaded only if that means all users. */
static int
find_users (SatchelCli *cli, GPtrArray *users)
{
  int exit = SATCHEL_EXIT_OK;
  if (satchel_cli_option (cli, "--all") != NULL)
    {
      exit = satchel_cli_setup (cli);
      exit = exit != SATCHEL_EXIT_OK ? exit : satchel_cli_start_modules (cli);
    }
  else if (cli->set == NULL)
    cli->set = satchel_cli_load_core (cli);
  return exit != SATCHEL_EXIT_OK ? exit : satchel_cli_find_users (cli, users, NULL);
}

int
satchel_cli_run_for_users (SatchelCli *cli, const SatchelCliCommand *row)
{
  g_autoptr (GPtrArray) users = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) words = satchel_cli_words (cli, row->admin);
  int worst = find_users (cli, users);
  cli->names_user = users->len > 1;
  g_ptr_array_add (words, NULL);
  for (guint i = 0; i < users->len && worst != SATCHEL_EXIT_INTERRUPTED && !cli->is_cut_off; i++)
    {
      int exit = satchel_cli_run_there (cli, row, users->pdata[i], words);
      worst = MAX (worst, exit);
    }
  if (cli->loader != NULL)
    satchel_loader_stop (cli->loader);
  return worst;
}
