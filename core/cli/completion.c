/* SPDX-License-Identifier: MIT
 * The command `satchel completion`, which prints the table of commands as a script for bash. The installed
 * script does not have the commands of modules; it asks satchel for them.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "core/cli/cli.h"

static void
append_options (const SatchelCliOption *options, GString *out)
{
  for (; options != NULL && options->name != NULL; options++)
    g_string_append_printf (out, "%s%s", out->len > 0 ? " " : "", options->name);
}

/* Returns the words of a command behind those of @group (of all commands if it is NULL). NULL means that the
 * command is none of that group. */
static char *
words_behind (const SatchelCliCommand *command, const char *group)
{
  g_autofree char *words = command->group != NULL ? g_strconcat (command->group, " ", command->name, NULL)
                                                  : g_strdup (command->name);
  gsize len = group != NULL ? strlen (group) : 0;
  if (group == NULL)
    return g_steal_pointer (&words);
  return strncmp (words, group, len) == 0 && words[len] == ' ' ? g_strdup (words + len + 1) : NULL;
}

/* Appends the words that may follow those of a group, or with which a command line may begin. */
static void
append_words (const GPtrArray *commands, const char *group, gboolean of_modules, GString *out)
{
  g_autofree char *last = NULL;
  for (guint i = 0; i < commands->len; i++)
    {
      const SatchelCliCommand *command = commands->pdata[i];
      g_autofree char *word = words_behind (command, group);
      if ((command->admin != NULL) != of_modules || word == NULL)
        continue;
      word[strcspn (word, " ")] = '\0';
      if (g_strcmp0 (word, last) == 0)
        continue;
      g_string_append_printf (out, "%s%s", out->len > 0 ? " " : "", word);
      g_free (last);
      last = g_steal_pointer (&word);
    }
}

/* Prints "WORDS|WHAT MAY FOLLOW", one line for each command. */
static void
print_lines (const SatchelCli *cli, gboolean of_modules)
{
  const char *before = of_modules ? "" : "    '", *between = of_modules ? "" : "'",
             *then = of_modules ? "|" : ") choose='", *after = of_modules ? "" : "' ;;";
  const char *last = NULL;
  for (guint i = 0; i < cli->commands->len; i++)
    {
      const SatchelCliCommand *command = cli->commands->pdata[i];
      g_autoptr (GString) inner = g_string_new (NULL), options = g_string_new (NULL);
      if ((command->admin != NULL) != of_modules)
        continue;
      if (command->group != NULL && g_strcmp0 (command->group, last) != 0)
        {
          append_words (cli->commands, command->group, of_modules, inner);
          printf ("%s%s%s%s%s%s\n", before, command->group, between, then, inner->str, after);
        }
      last = command->group;
      append_options (command->options, options);
      if (options->len > 0)
        printf ("%s%s%s%s%s*%s%s%s\n", before, command->group != NULL ? command->group : "",
                command->group != NULL ? " " : "", command->name, between, then, options->str, after);
    }
}

/* Prints these lines for commands of modules, for the script itself. */
static int
print_modules_lines (SatchelCli *cli)
{
  g_autoptr (GString) words = g_string_new (NULL);
  if (!satchel_cli_add_modules_commands (cli))
    return satchel_cli_fail (SATCHEL_EXIT_CONFIG,
                             "the configuration has mistakes; `satchel config check` shows them");
  append_words (cli->commands, NULL, TRUE, words);
  printf ("|%s\n", words->str);
  print_lines (cli, TRUE);
  return SATCHEL_EXIT_OK;
}

int
satchel_cli_completion (SatchelCli *cli)
{
  const char *shell = satchel_cli_argument (cli, 0);
  if (strcmp (shell, "bash") != 0)
    return satchel_cli_fail (SATCHEL_EXIT_USAGE, "%s: no completion for this shell; there is one for bash",
                             shell);
  if (satchel_cli_option (cli, "--modules") != NULL)
    return print_modules_lines (cli);
  g_autoptr (GString) words = g_string_new (NULL), globals = g_string_new (NULL);
  append_words (cli->commands, NULL, FALSE, words);
  append_options (cli->globals, globals);
  printf ("# SPDX-License-Identifier: MIT\n# bash completion for satchel, made by `satchel completion bash`\n"
          "_satchel() {\n  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=() i "
          "skip=\n"
          "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
          "    if [ -n \"$skip\" ]; then skip=; continue; fi\n"
          "    case ${COMP_WORDS[i]} in --config-dir|--defaults-dir|--module-dir|--set|--passdb) skip=1 ;; "
          "-*) ;; "
          "*) words+=(\"${COMP_WORDS[i]}\") ;; esac\n  done\n"
          "  case $prev in --config-dir|--defaults-dir|--module-dir) COMPREPLY=($(compgen -d -- \"$cur\")); "
          "return ;; esac\n"
          "  local global='%s' choose=\n  case \"${words[*]}\" in\n    '') choose='%s' ;;\n",
          globals->str, words->str);
  print_lines (cli, FALSE);
  /* The script asks once in each shell, since satchel has to read the configuration for it. */
  printf ("  esac\n"
          "  if [ -z \"$choose\" ] || [ ${#words[@]} -eq 0 ]; then\n"
          "    [ -n \"${_satchel_modules+x}\" ] || _satchel_modules=$(\"${COMP_WORDS[0]}\" completion bash "
          "--modules 2>/dev/null)\n"
          "    while IFS='|' read -r i skip; do\n"
          "      case \"${words[*]}\" in $i) choose=\"$choose $skip\" ;; esac\n"
          "    done <<< \"$_satchel_modules\"\n"
          "  fi\n"
          "  [[ $cur == -* ]] && choose=\"$choose $global\"\n"
          "  COMPREPLY=($(compgen -W \"$choose\" -- \"$cur\"))\n}\ncomplete -F _satchel satchel\n");
  return SATCHEL_EXIT_OK;
}
