/* SPDX-License-Identifier: MIT
 * satchel completion: the table of commands as a script for bash.
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

/* Names of a group, or the words a command line may start with. */
static void
append_words (const char *group, GString *out)
{
  const char *last = NULL;
  for (const SatchelCliCommand *command = satchel_cli_commands; command->name != NULL; command++)
    {
      const char *word = group != NULL ? command->name : command->group != NULL ? command->group : command->name;
      if ((group != NULL && g_strcmp0 (command->group, group) != 0) || g_strcmp0 (word, last) == 0)
        continue;
      g_string_append_printf (out, "%s%s", out->len > 0 ? " " : "", word);
      last = word;
    }
}

int
satchel_cli_completion (SatchelCli *cli)
{
  const char *shell = satchel_cli_argument (cli, 0);
  if (strcmp (shell, "bash") != 0)
    return satchel_cli_fail (SATCHEL_EXIT_USAGE, "%s: no completion for this shell; there is one for bash", shell);
  g_autoptr (GString) words = g_string_new (NULL), globals = g_string_new (NULL);
  append_words (NULL, words);
  append_options (satchel_cli_globals, globals);
  printf ("# SPDX-License-Identifier: MIT\n# bash completion for satchel, made by `satchel completion bash`\n"
          "_satchel() {\n  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=() i skip=\n"
          "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
          "    if [ -n \"$skip\" ]; then skip=; continue; fi\n"
          "    case ${COMP_WORDS[i]} in --config-dir|--defaults-dir|--module-dir|--set|--passdb) skip=1 ;; -*) ;; "
          "*) words+=(\"${COMP_WORDS[i]}\") ;; esac\n  done\n"
          "  case $prev in --config-dir|--defaults-dir|--module-dir) COMPREPLY=($(compgen -d -- \"$cur\")); return ;; esac\n"
          "  local global='%s' choose=\n  case \"${words[*]}\" in\n    '') choose='%s' ;;\n", globals->str, words->str);
  const char *last = NULL;
  for (const SatchelCliCommand *command = satchel_cli_commands; command->name != NULL; command++)
    {
      g_autoptr (GString) inner = g_string_new (NULL), options = g_string_new (NULL);
      if (command->group != NULL && g_strcmp0 (command->group, last) != 0)
        {
          append_words (command->group, inner);
          printf ("    '%s') choose='%s' ;;\n", command->group, inner->str);
        }
      last = command->group;
      append_options (command->options, options);
      if (options->len > 0)
        printf ("    '%s%s%s'*) choose='%s' ;;\n", command->group != NULL ? command->group : "",
                command->group != NULL ? " " : "", command->name, options->str);
    }
  printf ("  esac\n  [[ $cur == -* ]] && choose=\"$choose $global\"\n"
          "  COMPREPLY=($(compgen -W \"$choose\" -- \"$cur\"))\n}\ncomplete -F _satchel satchel\n");
  return SATCHEL_EXIT_OK;
}
