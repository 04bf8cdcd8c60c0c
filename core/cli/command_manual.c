/* SPDX-License-Identifier: MIT
 * The command `satchel module manual`, which prints a module's commands and settings as a page of mdoc(7).
 */
#include "config.h"

#include <stdio.h>

#include "core/cli/cli.h"

static void
append_options (const SatchelCliCommand *command, GString *out)
{
  for (const SatchelCliOption *option = command->options; option->name != NULL; option++)
    {
      g_string_append_printf (out, ".It Fl Fl %s", option->name + 2);
      if (option->value != NULL)
        g_string_append_printf (out, " Ar %s", option->value);
      g_string_append_c (out, '\n');
      satchel_cli_append_mdoc (option->help, out);
    }
}

static void
append_commands (const GPtrArray *commands, GString *out)
{
  g_string_append (
      out,
      ".Sh COMMANDS\nThe running server carries them out; the control socket asks for the same rights as\n"
      ".Cm satchel status .\n.Bl -tag -width Ds\n");
  for (guint i = 0; i < commands->len; i++)
    {
      const SatchelCliCommand *command = commands->pdata[i];
      g_string_append_printf (out, ".It Cm %s %s Oo Ar option ... Oc%s\n", command->group, command->name,
                              command->max_arguments > 0 ? " Ar user" : "");
      g_autofree char *summary = g_strconcat (command->help, ".", NULL);
      satchel_cli_append_mdoc (summary, out);
      g_auto (GStrv) details = g_strsplit (command->details != NULL ? command->details : "", "\n", -1);
      for (char **line = details; *line != NULL; line++)
        if (**line != '\0')
          satchel_cli_append_mdoc (*line, out);
      g_string_append (out, ".Bl -tag -width Ds\n");
      append_options (command, out);
      g_string_append (out, ".El\n");
    }
  g_string_append (out, ".El\n");
}

/* Prints the page satchel-NAME(1). */
int
satchel_cli_module_manual (SatchelCli *cli)
{
  const char *name = satchel_cli_argument (cli, 0);
  g_autoptr (GPtrArray) ignored =
      g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_config_problem_free);
  (void) satchel_cli_load (cli, ignored);
  const SatchelConfigRow *rows = satchel_loader_schema (name, cli->loader);
  const SatchelModule *module = rows != NULL ? satchel_loader_module (cli->loader, name, FALSE) : NULL;
  if (module == NULL)
    return satchel_cli_fail (SATCHEL_EXIT_NO_USER, "%s",
                             satchel_loader_why_not (cli->loader, name) != NULL
                                 ? satchel_loader_why_not (cli->loader, name)
                                 : "no such module is installed; `satchel module list` shows them");
  g_autoptr (GPtrArray) commands = satchel_cli_commands_of (module);
  g_autoptr (GString) out = g_string_new (".\\\" SPDX-License-Identifier: ");
  g_autofree char *title = g_ascii_strup (name, -1);
  g_string_append_printf (out, "%s\n.Dd $Mdocdate$\n.Dt SATCHEL-%s 1\n.Os\n.Sh NAME\n.Nm satchel-%s\n.Nd ",
                          module->licence, title, name);
  satchel_cli_append_mdoc (module->description, out);
  if (commands->len > 0)
    {
      const SatchelCliCommand *first = commands->pdata[0];
      g_string_append_printf (
          out, ".Sh SYNOPSIS\n.Nm satchel\n.Cm %s\n.Ar command\n.Op Ar user\n.Op Ar option ...\n",
          first->group);
    }
  g_string_append (out, ".Sh DESCRIPTION\n");
  g_autofree char *sentence =
      g_strdup_printf ("%s is a module of the mail store Satchel, version %s.", name, module->version);
  satchel_cli_append_mdoc (sentence, out);
  if (commands->len > 0)
    append_commands (commands, out);
  if (rows[0].key != NULL)
    {
      g_string_append (out, ".Sh SETTINGS\n");
      satchel_cli_write_defaults (name, module->description, rows, TRUE, SATCHEL_DEFAULTS_MANUAL, out);
    }
  g_string_append (out, ".Sh SEE ALSO\n.Xr satchel 1 ,\n.Xr satchel.conf 5 ,\n.Xr satcheld 8\n");
  fputs (out->str, stdout);
  return SATCHEL_EXIT_OK;
}
