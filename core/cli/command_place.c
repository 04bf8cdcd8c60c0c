/* SPDX-License-Identifier: MIT
 * The command `satchel user place`, which shows where the running server has a user, or moves the user.
 */
#include "config.h"

#include <satchel/auth.h>
#include <stdio.h>
#include <string.h>

#include "core/cli/cli.h"
#include "core/cli/control_client.h"
#include "core/cli/table.h"
#include "core/base/json.h"

/* Makes the words of the request: "place USER slot N ...". NULL: the options contradict each other. */
static GPtrArray *
make_request (SatchelCli *cli, const char *user)
{
  static const char *const options[] = { "--slot", "--profile", "--volume" };
  GPtrArray *argv = g_ptr_array_new ();
  g_ptr_array_add (argv, (gpointer) "place");
  g_ptr_array_add (argv, (gpointer) user);
  gboolean is_new = satchel_cli_option (cli, "--new") != NULL;
  if (is_new)
    g_ptr_array_add (argv, (gpointer) "new");
  for (guint i = 0; i < G_N_ELEMENTS (options); i++)
    {
      const char *value = satchel_cli_option (cli, options[i]);
      if (value == NULL)
        continue;
      if (is_new)
        {
          g_ptr_array_unref (argv);
          return NULL;
        }
      g_ptr_array_add (argv, (gpointer) (options[i] + 2));
      g_ptr_array_add (argv, (gpointer) value);
    }
  g_ptr_array_add (argv, NULL);
  return argv;
}

static void
print_place (SatchelCli *cli, const char *line)
{
  static const char *const keys[] = { "user", "profile", "driver", "volume", "node",
                                      "slot", "pinned",  "epoch",  "state",  "recorded" };
  static const char *const titles[] = { "User",         "Profile",      "Driver", "Volume", "Node",
                                        "Mail process", "Pinned to it", "Epoch",  "State",  "Recorded" };
  g_autoptr (GString) out = g_string_new (NULL);
  SatchelJson json = { .out = out };
  gboolean as_json = satchel_cli_option (cli, "--json") != NULL;
  if (as_json)
    satchel_json_open (&json, NULL, '{');
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      g_autofree char *value = satchel_cli_line_value (line, keys[i]);
      gint64 number;
      gboolean is_number = strcmp (keys[i], "slot") == 0 || strcmp (keys[i], "epoch") == 0;
      gboolean is_bool = strcmp (keys[i], "pinned") == 0 || strcmp (keys[i], "recorded") == 0;
      if (value == NULL)
        continue;
      if (as_json && is_number && g_ascii_string_to_signed (value, 10, 0, G_MAXINT64, &number, NULL))
        satchel_json_number (&json, keys[i], number);
      else if (as_json && is_bool)
        satchel_json_bool (&json, keys[i], strcmp (value, "yes") == 0);
      else if (as_json)
        satchel_json_text (&json, keys[i], value);
      else if (*value != '\0')
        g_string_append_printf (out, "%s: %*s%s\n", titles[i], 13 - (int) strlen (titles[i]), "", value);
    }
  if (as_json)
    {
      satchel_json_close (&json, '}');
      g_string_append_c (out, '\n');
    }
  fputs (out->str, stdout);
}

int
satchel_cli_user_place (SatchelCli *cli)
{
  g_autoptr (SatchelConfigSet) core = satchel_cli_load_core (cli);
  g_autoptr (GString) answer = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  guint status = 0;
  int exit;
  g_autofree char *user = satchel_cli_user_name (core, satchel_cli_argument (cli, 0), &exit);
  if (user == NULL)
    return exit;
  g_autoptr (GPtrArray) argv = make_request (cli, user);
  if (argv == NULL)
    return satchel_cli_fail (
        SATCHEL_EXIT_USAGE,
        "--new lets the rules choose, so it cannot be used together with --slot, --profile or --volume");
  if (!satchel_control_ask (satchel_cli_server_settings (core).run_dir, (const char *const *) argv->pdata,
                            answer, &status, &error))
    return satchel_cli_fail_to_ask (error);
  g_strchomp (answer->str);
  if (status != 0)
    return satchel_cli_fail ((SatchelExit) (status <= 125 ? status : 1), "%s",
                             *answer->str != '\0' ? answer->str
                                                  : "the server refused the command and gave no reason");
  print_place (cli, answer->str);
  return SATCHEL_EXIT_OK;
}
