/* SPDX-License-Identifier: MIT
 * The command `satchel fsck`, which has the running server read users' mail, one user after the other.
 */
#include "config.h"

#include "core/cli/cli.h"
#include "core/runtime/loader/admin_options.h"
#include "core/session/fsck/fsck_command.h"

int
satchel_cli_fsck (SatchelCli *cli)
{
  const SatchelCliCommand row = { .group = SATCHEL_FSCK_GROUP,
                                  .name = "run",
                                  .admin = satchel_admin_find (&satchel_fsck_commands, "run") };
  return satchel_cli_run_for_users (cli, &row);
}
