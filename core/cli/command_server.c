/* SPDX-License-Identifier: MIT
 * Requests to the running server: status, who, kick, reload, log-reopen, release, adopt, stop.
 */
#include "config.h"

#include <satchel/auth.h>
#include <stdio.h>
#include <string.h>

#include "core/cli/cli.h"
#include "core/cli/control_client.h"
#include "core/cli/json.h"

#define TIMEOUT_MS 90000u /* longer than the server gives itself to read configuration */
#define ANSWER_MAX (64u * 1024u * 1024u)

static void
collect (const char *text, gpointer data)
{
  GString *answer = data;
  if (answer->len < ANSWER_MAX)
    g_string_append (answer, text);
}

/* One word or KEY="quoted" of a line; moves *@at behind it. */
static char *
next_word (const char **at)
{
  GString *word = g_string_new (NULL);
  gboolean quoted = FALSE;
  const char *p = *at + strspn (*at, " ");
  for (; *p != '\0' && (quoted || *p != ' '); p++)
    if (*p == '"')
      quoted = !quoted;
    else if (quoted && *p == '\\' && (p[1] == '"' || p[1] == '\\'))
      g_string_append_c (word, *++p);
    else
      g_string_append_c (word, *p);
  *at = p;
  return g_string_free (word, FALSE);
}

/* "session 7: user=a@b peer=..." as {"text": "session 7:", "user": ...}. */
static void
line_to_json (SatchelJson *json, const char *line)
{
  g_autoptr (GString) text = g_string_new (NULL);
  satchel_json_open (json, NULL, '{');
  for (const char *at = line + strspn (line, " "); *at != '\0'; at += strspn (at, " "))
    {
      gsize key_len = strspn (at, "abcdefghijklmnopqrstuvwxyz_0123456789");
      g_autofree char *key = key_len > 0 && at[key_len] == '=' ? g_strndup (at, key_len) : NULL;
      g_autofree char *word = next_word (&at);
      if (key != NULL)
        satchel_json_text (json, key, word + key_len + 1);
      else
        g_string_append_printf (text, "%s%s", text->len > 0 ? " " : "", word);
    }
  if (text->len > 0)
    satchel_json_text (json, "text", text->str);
  satchel_json_close (json, '}');
}

static void
print_json (const char *command, guint status, const char *answer)
{
  g_autoptr (GString) out = g_string_new (NULL);
  g_auto (GStrv) lines = g_strsplit (answer, "\n", -1);
  SatchelJson json = { .out = out };
  satchel_json_open (&json, NULL, '{');
  satchel_json_text (&json, "command", command);
  satchel_json_number (&json, "status", status);
  satchel_json_open (&json, "lines", '[');
  for (char **line = lines; *line != NULL; line++)
    if (**line != '\0')
      line_to_json (&json, *line);
  satchel_json_close (&json, ']');
  satchel_json_close (&json, '}');
  puts (out->str);
}

/* What is said where the server only says that it worked. */
static void
print_answer (const SatchelCli *cli, const char *user, const char *answer)
{
  const char *name = cli->command->name;
  if (strcmp (name, "kick") == 0)
    {
      /* Each mail process tells how many sessions it ended. */
      guint64 n = 0;
      g_auto (GStrv) lines = g_strsplit (answer, "\n", -1);
      for (char **line = lines; *line != NULL; line++)
        n += g_ascii_strtoull (*line, NULL, 10);
      printf ("%" G_GUINT64_FORMAT " %s of %s ended.\n", n, n == 1 ? "session" : "sessions", user);
    }
  else if (*answer != '\0')
    printf ("%s%s", answer, g_str_has_suffix (answer, "\n") ? "" : "\n");
  else if (strcmp (name, "reload") == 0)
    puts ("The configuration was reloaded.");
  else if (strcmp (name, "stop") == 0)
    puts ("The server is stopping.");
}

int
satchel_cli_server (SatchelCli *cli)
{
  g_autoptr (SatchelConfigSet) core = satchel_cli_load_core (cli);
  const char *run_dir = satchel_config_path (satchel_config_set_group (core, "server"), "run_dir");
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autoptr (GString) answer = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  guint status = 0;
  const SatchelConfig *server = satchel_config_set_group (core, "server");
  g_autofree char *user = NULL;
  if (g_str_has_prefix (cli->command->arguments, "USER"))
    {
      const char *name = cli->arguments->pdata[0];
      user = satchel_user_normalise (name, strlen (name), satchel_config_string (server, "default_domain"),
                                     satchel_config_bool (server, "lower_case_users"), &error);
      if (user == NULL)
        return satchel_cli_fail (SATCHEL_EXIT_DATA, "%s is no user name: %s", name, error->message);
      cli->arguments->pdata[0] = user;
    }
  g_ptr_array_add (argv, (gpointer) cli->command->name);
  for (guint i = 0; i < cli->arguments->len; i++) /* with its NULL */
    g_ptr_array_add (argv, cli->arguments->pdata[i]);
  if (!satchel_control_call (run_dir, (const char *const *) argv->pdata, TIMEOUT_MS, collect, answer, &status, &error))
    {
      if (g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_NOPERM))
        return satchel_cli_fail (SATCHEL_EXIT_NOPERM, "%s; only root and the group of server.admin_group may do this", error->message);
      return satchel_cli_fail_error (error);
    }
  if (satchel_cli_option (cli, "--json") != NULL)
    print_json (cli->command->name, status, answer->str);
  else if (status == 0)
    print_answer (cli, user, answer->str);
  else if (answer->len > 0)
    fprintf (stderr, "%s%s", answer->str, g_str_has_suffix (answer->str, "\n") ? "" : "\n");
  else
    satchel_cli_fail (status, "the server refused and gave no reason");
  return (int) (status <= 125 ? status : 1);
}
