/* SPDX-License-Identifier: MIT
 * The command `satchel convert`, which has the running server convert users, one after the other.
 */
#include "config.h"

#include "core/cli/cli.h"
#include "core/runtime/loader/admin_options.h"
#include "core/session/convert/convert_command.h"

static SatchelCliCommand
row_of (const char *name)
{
  return (SatchelCliCommand) { .group = SATCHEL_CONVERT_GROUP,
                               .name = name,
                               .admin = satchel_admin_find (&satchel_convert_commands, name) };
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

int
satchel_cli_convert (SatchelCli *cli)
{
  const gboolean is_status = satchel_cli_option (cli, "--status") != NULL,
                 is_abort = satchel_cli_option (cli, "--abort") != NULL;
  const SatchelCliCommand row = row_of (is_status ? "status" : is_abort ? "abort" : "run");
  const int exit = check_options (cli, is_status, is_abort);
  return exit != SATCHEL_EXIT_OK ? exit : satchel_cli_run_for_users (cli, &row);
}
