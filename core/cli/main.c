/* SPDX-License-Identifier: MIT
 * Runs the program satchel, which parses the command line by the tables of commands.
 */
#include "config.h"

#include <locale.h>
#include <satchel/hash.h>
#include <stdio.h>
#include <string.h>

#include "core/cli/cli.h"

static void
print_options (const SatchelCliOption *options)
{
  for (; options != NULL && options->name != NULL; options++)
    {
      g_autofree char *left = g_strconcat (options->name, options->value != NULL ? " " : "",
                                           options->value != NULL ? options->value : "", NULL);
      printf ("  %-27s %s\n", left, options->help);
    }
}

static void
print_commands (const SatchelCli *cli, gboolean of_modules)
{
  gboolean is_first = TRUE;
  for (guint i = 0; i < cli->commands->len; i++)
    {
      const SatchelCliCommand *command = cli->commands->pdata[i];
      if ((command->admin != NULL) != of_modules)
        continue;
      g_autofree char *left =
          g_strconcat (command->group != NULL ? command->group : "", command->group != NULL ? " " : "",
                       command->name, *command->arguments != '\0' ? " " : "", command->arguments, NULL);
      if (is_first)
        puts (of_modules ? "\nCommands of modules:" : "Commands:");
      is_first = FALSE;
      printf ("  %-27s %s\n", left, command->help);
    }
}

static void
print_help (SatchelCli *cli)
{
  puts ("Usage: satchel [OPTION...] COMMAND [ARGUMENT...]\n");
  (void) satchel_cli_add_modules_commands (cli);
  print_commands (cli, FALSE);
  print_commands (cli, TRUE);
  puts ("\nOptions:");
  print_options (satchel_cli_globals);
  puts ("\n`satchel COMMAND --help` describes a command; the manual is satchel(1).");
}

static void
print_command_help (const SatchelCliCommand *command)
{
  printf ("Usage: satchel%s%s %s%s%s%s\n\n%s.\n", command->group != NULL ? " " : "",
          command->group != NULL ? command->group : "", command->name,
          command->options != NULL ? " [OPTION...]" : "", *command->arguments != '\0' ? " " : "",
          command->arguments, command->help);
  if (command->details != NULL)
    printf ("%s\n", command->details);
  puts ("\nOptions:");
  print_options (command->options);
  print_options (satchel_cli_globals);
}

static const SatchelCliOption *
find_option (const SatchelCliOption *options, const char *name, gsize len)
{
  for (; options != NULL && options->name != NULL; options++)
    if (strlen (options->name) == len && strncmp (options->name, name, len) == 0)
      return options;
  return NULL;
}

static int
unknown_option (const SatchelCli *cli, const char *given)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  for (const SatchelCliOption *option = satchel_cli_globals; option->name != NULL; option++)
    g_ptr_array_add (names, (gpointer) option->name);
  for (const SatchelCliOption *option = cli->command != NULL ? cli->command->options : NULL;
       option != NULL && option->name != NULL; option++)
    g_ptr_array_add (names, (gpointer) option->name);
  g_ptr_array_add (names, NULL);
  const char *near = satchel_suggest (given, (const char *const *) names->pdata);
  if (near != NULL)
    return satchel_cli_fail (SATCHEL_EXIT_USAGE, "%s: no such option here; did you mean %s?", given, near);
  return satchel_cli_fail (SATCHEL_EXIT_USAGE, "%s: no such option here; see satchel%s%s%s%s --help", given,
                           cli->command != NULL && cli->command->group != NULL ? " " : "",
                           cli->command != NULL && cli->command->group != NULL ? cli->command->group : "",
                           cli->command != NULL ? " " : "", cli->command != NULL ? cli->command->name : "");
}

/* Takes one option, with its value from the same word or the next. */
static int
take_option (SatchelCli *cli, char **argv, int *at)
{
  const char *given = argv[*at], *equals = strchr (given, '=');
  gsize len = equals != NULL ? (gsize) (equals - given) : strlen (given);
  const SatchelCliOption *option = find_option (satchel_cli_globals, given, len);
  if (option == NULL && strcmp (given, "-h") == 0)
    option = find_option (satchel_cli_globals, "--help", 6);
  if (option == NULL && strcmp (given, "-V") == 0)
    option = find_option (satchel_cli_globals, "--version", 9);
  if (option == NULL && cli->command != NULL)
    option = find_option (cli->command->options, given, len);
  if (option == NULL)
    return unknown_option (cli, given);
  const char *value = equals != NULL ? equals + 1 : NULL;
  if (option->value == NULL && value != NULL)
    return satchel_cli_fail (SATCHEL_EXIT_USAGE, "%s takes no value", option->name);
  if (option->value != NULL && value == NULL && (value = argv[++*at]) == NULL)
    return satchel_cli_fail (SATCHEL_EXIT_USAGE, "%s lacks its value; write %s %s", option->name,
                             option->name, option->value);
  /* Options that name directories have been taken before. */
  g_hash_table_insert (cli->options, (gpointer) option->name, (gpointer) (value != NULL ? value : ""));
  return SATCHEL_EXIT_OK;
}

/* Returns the words that could stand where the unknown one does, borrowed and NULL-ended: groups and commands
 * without one, or what follows @group. */
static GPtrArray *
list_words (const SatchelCli *cli, const char *group)
{
  GPtrArray *words = g_ptr_array_new ();
  gsize len = group != NULL ? strlen (group) : 0;
  for (guint i = 0; i < cli->commands->len; i++)
    {
      const SatchelCliCommand *command = cli->commands->pdata[i];
      if (group == NULL)
        g_ptr_array_add (words, (gpointer) (command->group != NULL ? command->group : command->name));
      else if (g_strcmp0 (command->group, group) == 0)
        g_ptr_array_add (words, (gpointer) command->name);
      else if (command->group != NULL && g_str_has_prefix (command->group, group)
               && command->group[len] == ' ')
        g_ptr_array_add (words, (gpointer) (command->group + len + 1));
    }
  g_ptr_array_add (words, NULL);
  return words;
}

/* Fails for a word that should begin a command and does not. */
static int
fail_unknown_first (SatchelCli *cli, const char *word, const char *near)
{
  gboolean knows_modules = satchel_cli_add_modules_commands (cli);
  const char *module = knows_modules ? satchel_cli_module_of_group (cli, word) : NULL;
  if (module != NULL)
    return satchel_cli_fail (SATCHEL_EXIT_USAGE,
                             "%s: no such command; module %s has it, which is installed and not enabled: set "
                             "%s.enabled = true, as its settings say (satchel module info %s), and restart "
                             "the server",
                             word, module, module, module);
  if (near != NULL)
    return satchel_cli_fail (SATCHEL_EXIT_USAGE, "%s: no such command; did you mean \"%s\"?", word, near);
  if (!knows_modules)
    return satchel_cli_fail (SATCHEL_EXIT_USAGE,
                             "%s: satchel itself has no such command, and it cannot know the commands of "
                             "modules while the configuration has mistakes; see satchel config check",
                             word);
  return satchel_cli_fail (SATCHEL_EXIT_USAGE, "%s: no such command; see satchel --help", word);
}

/* Fails for a command line that names no command; @group and @word are what it has of one, or NULL. */
static int
fail_unknown_command (SatchelCli *cli, const char *group, const char *word)
{
  g_autoptr (GPtrArray) words = list_words (cli, group);
  const char *near = word != NULL ? satchel_suggest (word, (const char *const *) words->pdata) : NULL;
  if (word != NULL && group == NULL)
    return fail_unknown_first (cli, word, near);
  if (word == NULL && words->len > 1)
    return satchel_cli_fail (SATCHEL_EXIT_USAGE, "%s%sa command is missing; see satchel --help",
                             group != NULL ? group : "", group != NULL ? ": " : "");
  if (near != NULL)
    return satchel_cli_fail (SATCHEL_EXIT_USAGE, "%s %s: no such command; did you mean \"%s\"?", group, word,
                             near);
  return satchel_cli_fail (SATCHEL_EXIT_USAGE, "%s%s%s: no such command; see satchel --help",
                           group != NULL ? group : "", group != NULL ? " " : "", word != NULL ? word : "");
}

static const SatchelCliCommand *
find_command (const SatchelCli *cli, const char *group, const char *name)
{
  for (guint i = 0; i < cli->commands->len; i++)
    {
      const SatchelCliCommand *command = cli->commands->pdata[i];
      if (strcmp (command->name, name) == 0 && g_strcmp0 (command->group, group) == 0)
        return command;
    }
  return NULL;
}

/* Says whether @words are a group of commands, or the first words of one. */
static gboolean
has_group (const SatchelCli *cli, const char *words)
{
  gsize len = strlen (words);
  for (guint i = 0; i < cli->commands->len; i++)
    {
      const char *group = ((const SatchelCliCommand *) cli->commands->pdata[i])->group;
      if (group != NULL && strncmp (group, words, len) == 0 && (group[len] == '\0' || group[len] == ' '))
        return TRUE;
    }
  return FALSE;
}

/* Returns the longer group that @word makes of @group; NULL means that there is none. */
static const char *
join_group (const SatchelCli *cli, const char *group, const char *word)
{
  g_autofree char *joined = g_strconcat (group != NULL ? group : "", " ", word, NULL);
  for (guint i = 0; i < cli->commands->len; i++)
    if (g_strcmp0 (((const SatchelCliCommand *) cli->commands->pdata[i])->group, joined) == 0)
      return ((const SatchelCliCommand *) cli->commands->pdata[i])->group;
  return NULL;
}

/* Says whether @word is a group of commands. A word that satchel does not know may be a module's; only then
 * are configuration and modules read. */
static gboolean
is_group (SatchelCli *cli, const char *word)
{
  if (has_group (cli, word))
    return TRUE;
  return find_command (cli, NULL, word) == NULL && satchel_cli_add_modules_commands (cli)
         && has_group (cli, word);
}

/* Takes the options that say where configuration and modules are, wherever they stand, since commands of
 * modules depend on them. */
static void
take_places (SatchelCli *cli, char **argv)
{
  for (int at = 1; argv[at] != NULL && strcmp (argv[at], "--") != 0; at++)
    {
      const char *equals = strchr (argv[at], '=');
      gsize len = equals != NULL ? (gsize) (equals - argv[at]) : strlen (argv[at]);
      const SatchelCliOption *option = find_option (satchel_cli_globals, argv[at], len);
      if (option == NULL || option->value == NULL || (equals == NULL && argv[at + 1] == NULL))
        continue;
      const char *value = equals != NULL ? equals + 1 : argv[++at];
      if (strcmp (option->name, "--config-dir") == 0)
        cli->config_dir = value;
      else if (strcmp (option->name, "--defaults-dir") == 0)
        cli->defaults_dir = value;
      else if (strcmp (option->name, "--module-dir") == 0)
        cli->module_dir = value;
      else
        g_ptr_array_add (cli->overrides, (gpointer) value);
    }
  g_ptr_array_add (cli->overrides, NULL);
}

/* Parses the command line into @cli. Returns OK, or the exit status of a mistake. */
static int
parse_line (SatchelCli *cli, char **argv)
{
  const char *group = NULL, *longer;
  gboolean options_end = FALSE;
  for (int at = 1; argv[at] != NULL; at++)
    {
      const char *word = argv[at];
      if (!options_end && strcmp (word, "--") == 0)
        options_end = TRUE;
      else if (!options_end && word[0] == '-' && word[1] != '\0')
        {
          int failed = take_option (cli, argv, &at);
          if (failed != SATCHEL_EXIT_OK)
            return failed;
        }
      else if (cli->command != NULL)
        g_ptr_array_add (cli->arguments, argv[at]);
      else if (group == NULL && is_group (cli, word))
        group = word;
      else if ((longer = join_group (cli, group, word)) != NULL)
        group = longer;
      else if ((cli->command = find_command (cli, group, word)) == NULL)
        {
          /* A group may be a command as well: "devices anna", beside "devices end anna". */
          if (group == NULL || (cli->command = find_command (cli, NULL, group)) == NULL)
            return fail_unknown_command (cli, group, word);
          g_ptr_array_add (cli->arguments, argv[at]);
        }
    }
  if (cli->command == NULL && group != NULL)
    cli->command = find_command (cli, NULL, group);
  g_ptr_array_add (cli->arguments, NULL);
  if (cli->command == NULL && satchel_cli_option (cli, "--help") == NULL
      && satchel_cli_option (cli, "--version") == NULL)
    return fail_unknown_command (cli, group, NULL);
  return SATCHEL_EXIT_OK;
}

static int
run_command (SatchelCli *cli)
{
  const SatchelCliCommand *command = cli->command;
  if (satchel_cli_option (cli, "--version") != NULL)
    {
      puts (PACKAGE_NAME " " PACKAGE_VERSION);
      return SATCHEL_EXIT_OK;
    }
  if (satchel_cli_option (cli, "--help") != NULL)
    {
      if (command != NULL)
        print_command_help (command);
      else
        print_help (cli);
      return SATCHEL_EXIT_OK;
    }
  guint n = cli->arguments->len - 1;
  if (n < command->min_arguments || n > command->max_arguments)
    return satchel_cli_fail (SATCHEL_EXIT_USAGE, "%s; write satchel %s%s%s%s%s",
                             n < command->min_arguments ? "an argument is missing"
                                                        : "there are too many arguments",
                             command->group != NULL ? command->group : "", command->group != NULL ? " " : "",
                             command->name, *command->arguments != '\0' ? " " : "", command->arguments);
  return command->run (cli);
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "");
  SatchelCli cli = { .config_dir = SATCHEL_CONF_DIR, .defaults_dir = SATCHEL_DEFAULTS_DIR };
  cli.overrides = g_ptr_array_new ();
  cli.arguments = g_ptr_array_new ();
  cli.options = g_hash_table_new (satchel_string_hash, g_str_equal);
  cli.globals = satchel_cli_globals;
  cli.commands = g_ptr_array_new ();
  for (const SatchelCliCommand *command = satchel_cli_commands; command->name != NULL; command++)
    g_ptr_array_add (cli.commands, (gpointer) command);
  take_places (&cli, argv);
  int exit = parse_line (&cli, argv);
  if (exit == SATCHEL_EXIT_OK)
    exit = run_command (&cli);
  g_clear_pointer (&cli.set, satchel_config_set_free);
  g_clear_pointer (&cli.loader, satchel_loader_free);
  g_ptr_array_unref (cli.commands);
  g_clear_pointer (&cli.modules_commands, g_ptr_array_unref);
  g_ptr_array_unref (cli.overrides);
  g_ptr_array_unref (cli.arguments);
  g_hash_table_unref (cli.options);
  /* If standard output cannot be written, as on a full disk, the command fails; it does not end with a
   * shorter answer. */
  if ((fflush (stdout) != 0 || ferror (stdout)) && exit == SATCHEL_EXIT_OK)
    exit = satchel_cli_fail (SATCHEL_EXIT_IO, "standard output cannot be written");
  return exit;
}
