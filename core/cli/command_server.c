/* SPDX-License-Identifier: MIT
 * The commands that ask the running server: status, who, kick, devices, reload, log-reopen, release, adopt,
 * stop.
 */
#include "config.h"

#include <satchel/auth.h>
#include <string.h>

#include "core/cli/cli.h"
#include "core/cli/control_client.h"
#include "core/cli/server_answer.h"

/* --all goes to the server in the place of an id.  FALSE means that there is neither, or both. */
static gboolean
choose_device (SatchelCli *cli)
{
  gboolean is_one = satchel_cli_argument (cli, 1) != NULL;
  if ((satchel_cli_option (cli, "--all") != NULL) == is_one)
    return FALSE;
  if (!is_one)
    g_ptr_array_insert (cli->arguments, 1, (gpointer) "--all");
  return TRUE;
}

static gboolean
is_command (const SatchelCli *cli, const char *name)
{
  return strcmp (cli->command->name, name) == 0;
}

static gboolean
ends_devices (const SatchelCli *cli)
{
  return g_strcmp0 (cli->command->group, "devices") == 0;
}

/* Puts the user of the command line into the form that the server knows; does nothing for a command without
 * one.  Returns 0, or an exit status after it has printed the reason. */
static int
normalise_user (SatchelCli *cli, const SatchelConfigSet *core, char **ret_user)
{
  int exit = SATCHEL_EXIT_OK;
  if (!g_str_has_prefix (cli->command->arguments, "USER"))
    return SATCHEL_EXIT_OK;
  char *user = satchel_cli_user_name (core, cli->arguments->pdata[0], &exit);
  if (user == NULL)
    return exit;
  cli->arguments->pdata[0] = user;
  *ret_user = user;
  return SATCHEL_EXIT_OK;
}

/* Asks the server and waits for its whole answer. */
static gboolean
ask_server (const SatchelCli *cli, const char *run_dir, GString *answer, guint *ret_status, GError **error)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_ptr_array_add (argv, (gpointer) (ends_devices (cli) ? "devices-end" : cli->command->name));
  g_ptr_array_extend (argv, cli->arguments, NULL, NULL); /* the NULL at the end included */
  const SatchelControlCall call = { .run_dir = run_dir,
                                    .argv = (const char *const *) argv->pdata,
                                    .func = satchel_control_collect,
                                    .data = answer,
                                    .waits_for_end = is_command (cli, "stop") };
  return satchel_control_call (&call, ret_status, error);
}

/* Fails if the command found nothing of the user that it could end.  An answer of auth that there is no such
 * user is no failure of kick if mail processes ended sessions of one who was removed.  Returns 0, or an exit
 * status after it has printed the reason. */
static int
check_ended (const SatchelCli *cli, const char *user, const char *answer, guint *status)
{
  if (is_command (cli, "kick") && *status == SATCHEL_EXIT_NO_USER)
    {
      if (satchel_server_answer_kicked (answer) == 0)
        return satchel_cli_fail (SATCHEL_EXIT_NO_USER,
                                 "%s: no such user; `satchel who` shows who is logged in", user);
      *status = SATCHEL_EXIT_OK;
    }
  if (ends_devices (cli) && *status == SATCHEL_EXIT_OK && satchel_cli_option (cli, "--all") == NULL
      && satchel_server_answer_ended (answer) == 0)
    return satchel_cli_fail (SATCHEL_EXIT_NO_USER,
                             "%s has nothing of that id; `satchel devices %s` shows all", user, user);
  return SATCHEL_EXIT_OK;
}

int
satchel_cli_server (SatchelCli *cli)
{
  g_autoptr (SatchelConfigSet) core = satchel_cli_load_core (cli);
  g_autoptr (GString) answer = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *user = NULL;
  guint status = SATCHEL_EXIT_OK;
  int failed = normalise_user (cli, core, &user);
  if (failed != SATCHEL_EXIT_OK)
    return failed;
  if (ends_devices (cli) && !choose_device (cli))
    return satchel_cli_fail (SATCHEL_EXIT_USAGE,
                             "which device? give an id that `satchel devices %s` shows, or --all", user);
  if (!ask_server (cli, satchel_cli_server_settings (core).run_dir, answer, &status, &error))
    return satchel_cli_fail_to_ask (error);
  failed = check_ended (cli, user, answer->str, &status);
  if (failed != SATCHEL_EXIT_OK)
    return failed;
  satchel_server_answer_print (cli, user, status, answer->str);
  return (int) (status <= 125 ? status : 1);
}
