/* SPDX-License-Identifier: MIT
 * Turns commands of modules (<satchel/admin.h>) into rows like satchel's own, so that the parser, --help,
 * completion and the manual know one kind only.
 */
#include "config.h"

#include <string.h>

#include "core/cli/cli.h"
#include "core/runtime/loader/admin_options.h"

typedef struct Row
{
  SatchelCliCommand command; /* first, so that a row can be cast to its Row */
  GArray *options;           /* SatchelCliOption */
  GPtrArray *texts;          /* the texts that row and options point at */
} Row;

static void
row_free (gpointer data)
{
  Row *row = data;
  g_array_unref (row->options);
  g_ptr_array_unref (row->texts);
  g_free (row);
}

static char *
keep_text (Row *row, char *text)
{
  g_ptr_array_add (row->texts, text);
  return text;
}

/* Returns the word that help shows for the value of an option. NULL means that the option has no value. */
static char *
value_word (const SatchelConfigRow *option)
{
  switch (option->type)
    {
    case SATCHEL_CONFIG_BOOL:
      return NULL;
    case SATCHEL_CONFIG_INT:
      return g_strdup ("NUMBER");
    case SATCHEL_CONFIG_SIZE:
      return g_strdup ("SIZE");
    case SATCHEL_CONFIG_DURATION:
      return g_strdup ("TIME");
    case SATCHEL_CONFIG_ENUM:
      return g_strdup (option->choices);
    case SATCHEL_CONFIG_STRING:
    case SATCHEL_CONFIG_MODE:
    case SATCHEL_CONFIG_PATH:
    case SATCHEL_CONFIG_SECRET:
    case SATCHEL_CONFIG_STRINGS:
    case SATCHEL_CONFIG_GROUPS:
    case SATCHEL_CONFIG_ENDPOINT:
      break;
    }
  return g_ascii_strup (option->key, -1);
}

static void
add_option (Row *row, const SatchelConfigRow *option)
{
  g_autoptr (GString) help = g_string_new (option->help);
  char *value = value_word (option);
  if (value != NULL)
    {
      g_string_append (help, " (");
      satchel_cli_append_facts (option, help);
      g_string_append_c (help, ')');
      keep_text (row, value);
    }
  SatchelCliOption made = { keep_text (row, g_strconcat ("--", option->key, NULL)), value,
                            keep_text (row, g_strdup (help->str)) };
  g_array_append_val (row->options, made);
}

/* Returns what help shows for the arguments, such as "USER [LABEL]". */
static const char *
argument_words (Row *row, const SatchelAdminCommand *admin, const SatchelConfigRow *operand,
                gboolean is_needed)
{
  gboolean of_user = admin->of_user;
  if (operand == NULL)
    return satchel_cli_sums (admin) || satchel_cli_by_domain (admin) ? "[USER]" : of_user ? "USER" : "";
  g_autofree char *name = g_ascii_strup (operand->key, -1);
  return keep_text (row, g_strdup_printf (is_needed ? "%s%s" : "%s[%s]", of_user ? "USER " : "", name));
}

static gboolean
needs_user (const SatchelAdminCommand *admin)
{
  return admin->of_user && !satchel_cli_sums (admin) && !satchel_cli_by_domain (admin);
}

static SatchelCliCommand *
row_new (const char *group, const SatchelAdminCommand *admin)
{
  Row *row = g_new0 (Row, 1);
  row->options = g_array_new (TRUE, TRUE, sizeof (SatchelCliOption));
  row->texts = g_ptr_array_new_with_free_func (g_free);
  const SatchelConfigRow *operand = satchel_admin_operand (admin);
  for (const SatchelConfigRow *option = admin->options; option != NULL && option->key != NULL; option++)
    if (option != operand)
      add_option (row, option);
  if (satchel_cli_sums (admin))
    {
      const SatchelCliOption all = { "--all", NULL, "add up what all users of the password databases have" };
      g_array_append_val (row->options, all);
    }
  if (satchel_cli_by_domain (admin))
    {
      const SatchelCliOption domain = { "--domain", "DOMAIN",
                                        "in place of a user: all of this domain in the password databases" };
      g_array_append_val (row->options, domain);
    }
  const SatchelCliOption json = { "--json", NULL,
                                  "print JSON, an object a line; the last one has the exit status" };
  g_array_append_val (row->options, json);
  gboolean is_needed = operand != NULL && (operand->flags & SATCHEL_CONFIG_REQUIRED) != 0;
  row->command = (SatchelCliCommand) { .group = group,
                                       .name = admin->name,
                                       .arguments = argument_words (row, admin, operand, is_needed),
                                       .min_arguments = (needs_user (admin) ? 1 : 0) + (is_needed ? 1 : 0),
                                       .max_arguments = (admin->of_user ? 1 : 0) + (operand != NULL ? 1 : 0),
                                       .help = admin->summary,
                                       .details = admin->details,
                                       .options = (const SatchelCliOption *) (gpointer) row->options->data,
                                       .run = satchel_cli_admin,
                                       .admin = admin };
  return &row->command;
}

GPtrArray *
satchel_cli_commands_of (const SatchelModule *module)
{
  GPtrArray *commands = g_ptr_array_new_with_free_func (row_free);
  for (const SatchelProvides *provides = module->provides; provides->kind != 0; provides++)
    {
      const SatchelAdminOps *ops = provides->ops;
      if (provides->kind == SATCHEL_KIND_ADMIN)
        for (guint i = 0; ops->commands[i] != NULL; i++)
          g_ptr_array_add (
              commands, row_new (provides->name != NULL ? provides->name : module->name, ops->commands[i]));
    }
  return commands;
}

/* Says whether satchel itself uses a word, which a module cannot take over. */
static gboolean
is_ours (const SatchelCli *cli, const char *group)
{
  for (guint i = 0; i < cli->commands->len; i++)
    {
      const SatchelCliCommand *command = cli->commands->pdata[i];
      if (command->admin == NULL
          && strcmp (command->group != NULL ? command->group : command->name, group) == 0)
        return TRUE;
    }
  return FALSE;
}

gboolean
satchel_cli_add_modules_commands (SatchelCli *cli)
{
  if (cli->modules_commands != NULL)
    return TRUE;
  g_autoptr (GPtrArray) problems =
      g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_config_problem_free);
  if (!satchel_cli_load (cli, problems))
    return FALSE;
  cli->modules_commands = g_ptr_array_new_with_free_func (row_free);
  g_autoptr (GPtrArray) all = satchel_loader_find_all (cli->loader, SATCHEL_KIND_ADMIN);
  for (guint i = 0; i < all->len; i++)
    {
      const SatchelProvided *provided = all->pdata[i];
      const SatchelAdminOps *ops = provided->ops;
      if (!satchel_config_set_is_enabled (cli->set, provided->module->name))
        continue;
      if (is_ours (cli, provided->name))
        satchel_cli_fail (SATCHEL_EXIT_CONFIG,
                          "module %s: its commands are called \"%s\" like satchel's own, and are left out",
                          provided->module->name, provided->name);
      for (guint k = 0; !is_ours (cli, provided->name) && ops->commands[k] != NULL; k++)
        {
          SatchelCliCommand *command = row_new (provided->name, ops->commands[k]);
          g_ptr_array_add (cli->modules_commands, command);
          g_ptr_array_add (cli->commands, command);
        }
    }
  return TRUE;
}

const char *
satchel_cli_module_of_group (SatchelCli *cli, const char *group)
{
  g_autoptr (GPtrArray) files = satchel_loader_list (cli->loader);
  for (guint i = 0; i < files->len; i++)
    {
      const SatchelModuleFile *file = files->pdata[i];
      /* Modules that no setting names have not been loaded yet. */
      if (!file->is_gate && satchel_loader_module (cli->loader, file->name, FALSE) == NULL)
        (void) satchel_loader_schema (file->name, cli->loader);
    }
  g_autoptr (GPtrArray) all = satchel_loader_find_all (cli->loader, SATCHEL_KIND_ADMIN);
  for (guint i = 0; i < all->len; i++)
    {
      const SatchelProvided *provided = all->pdata[i];
      if (strcmp (provided->name, group) == 0
          && !satchel_config_set_is_enabled (cli->set, provided->module->name))
        return provided->module->name;
    }
  return NULL;
}
