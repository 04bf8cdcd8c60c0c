/* SPDX-License-Identifier: MIT
 * The command `satchel convert`, which has the running server convert users, one after the other.
 */
#include "config.h"

#include "core/cli/cli.h"
#include "core/runtime/loader/admin_options.h"
#include "core/session/convert/convert_command.h"

#include <string.h>

static SatchelCliCommand
row_of (const char *name)
{
  return (SatchelCliCommand) { .group = SATCHEL_CONVERT_GROUP,
                               .name = name,
                               .admin = satchel_admin_find (&satchel_convert_commands, name) };
}

/* Returns the options of the command line that the server's command has as well. */
static GPtrArray *
make_words (const SatchelCli *cli, const SatchelAdminCommand *command)
{
  GPtrArray *words = g_ptr_array_new_with_free_func (g_free);
  for (const SatchelConfigRow *row = command->options; row != NULL && row->key != NULL; row++)
    {
      g_autofree char *name = g_strconcat ("--", row->key, NULL);
      const char *value = satchel_cli_option (cli, name);
      if (value != NULL)
        g_ptr_array_add (words, g_strconcat (row->key, "=", value, NULL));
    }
  g_ptr_array_add (words, NULL);
  return words;
}

static int
check_options (const SatchelCli *cli, gboolean is_status, gboolean is_abort)
{
  if (is_status && is_abort)
    return satchel_cli_fail (SATCHEL_EXIT_USAGE, "--status and --abort cannot be used together");
  if ((is_status || is_abort) == (satchel_cli_option (cli, "--to") != NULL))
    return satchel_cli_fail (SATCHEL_EXIT_USAGE, is_status || is_abort
                                                     ? "--to cannot be used together with --status or --abort"
                                                     : "--to is missing: it says where the mail is to be");
  return SATCHEL_EXIT_OK;
}

/* Modules are only needed to find out who all users are. */
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
satchel_cli_convert (SatchelCli *cli)
{
  const gboolean is_status = satchel_cli_option (cli, "--status") != NULL,
                 is_abort = satchel_cli_option (cli, "--abort") != NULL;
  g_autoptr (GPtrArray) users = g_ptr_array_new_with_free_func (g_free);
  int worst = check_options (cli, is_status, is_abort);
  if (worst == SATCHEL_EXIT_OK)
    worst = find_users (cli, users);
  const SatchelCliCommand row = row_of (is_status ? "status" : is_abort ? "abort" : "run");
  g_autoptr (GPtrArray) words = make_words (cli, row.admin);
  for (guint i = 0; i < users->len && worst != SATCHEL_EXIT_INTERRUPTED; i++)
    {
      int exit = satchel_cli_run_there (cli, &row, users->pdata[i], words);
      worst = MAX (worst, exit);
    }
  if (cli->loader != NULL)
    satchel_loader_stop (cli->loader);
  return worst;
}
