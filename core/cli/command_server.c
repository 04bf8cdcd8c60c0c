/* SPDX-License-Identifier: MIT
 * The commands that ask the running server: status, who, kick, devices, reload, log-reopen, release, adopt,
 * stop.
 */
#include "config.h"

#include <satchel/auth.h>
#include <satchel/number.h>
#include <stdio.h>
#include <string.h>

#include "core/cli/cli.h"
#include "core/cli/control_client.h"
#include "core/cli/counters.h"
#include "core/base/json.h"
#include "core/cli/table.h"

#define TIMEOUT_MS 90000u    /* longer than the server lets the reading of the configuration take */
#define RELEASED "released " /* a line about a released user begins with this */
#define ANSWER_MAX (64u * 1024u * 1024u)

static void
collect_answer (const char *text, gpointer data)
{
  GString *answer = data;
  if (answer->len < ANSWER_MAX)
    g_string_append (answer, text);
}

/* Writes the value of a field. If the name says that it is not text, whole numbers become numbers, yes and
 * no become true and false (docs/man/satchel.1). */
static void
value_to_json (SatchelJson *json, const char *key, const char *value)
{
  static const char *const texts[] = { "session",    "user",    "name", "address", "path",
                                       "version",    "error",   "id",   "label",   "client",
                                       "credential", "network", NULL };
  gint64 number;
  if (g_strv_contains (texts, key))
    satchel_json_text (json, key, value);
  else if (strcmp (value, "yes") == 0 || strcmp (value, "no") == 0)
    satchel_json_bool (json, key, *value == 'y');
  else if (g_ascii_string_to_signed (value, 10, G_MININT64, G_MAXINT64, &number, NULL))
    satchel_json_number (json, key, number);
  else
    satchel_json_text (json, key, value);
}

/* Turns "session 7: user=a@b peer=..." into {"text": "session 7:", "user": ...}. */
static void
line_to_json (SatchelJson *json, const char *line)
{
  g_autoptr (GString) text = g_string_new (NULL);
  satchel_json_open (json, NULL, '{');
  for (const char *at = line + strspn (line, " "); *at != '\0'; at += strspn (at, " "))
    {
      gsize key_len = strspn (at, "abcdefghijklmnopqrstuvwxyz_0123456789");
      g_autofree char *key = key_len > 0 && at[key_len] == '=' ? g_strndup (at, key_len) : NULL;
      g_autofree char *word = satchel_cli_next_word (&at);
      if (key != NULL)
        value_to_json (json, key, word + key_len + 1);
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
    if (**line != '\0' && !g_str_has_prefix (*line, RELEASED)
        && !g_str_has_prefix (*line, SATCHEL_CLI_COUNTER))
      line_to_json (&json, *line);
  satchel_json_close (&json, ']');
  if (strcmp (command, "status") == 0)
    {
      satchel_json_open (&json, "released", '[');
      for (char **line = lines; *line != NULL; line++)
        if (g_str_has_prefix (*line, RELEASED))
          {
            g_autofree char *user = satchel_cli_line_value (*line, "user");
            satchel_json_text (&json, NULL, user);
          }
      satchel_json_close (&json, ']');
      satchel_cli_counters_to_json (&json, lines);
    }
  satchel_json_close (&json, '}');
  puts (out->str);
}

/* Adds a row for the table: the values of @keys, the last of which is a number of seconds. */
static void
add_row (GPtrArray *rows, const char *line, const char *const *keys)
{
  g_autoptr (GPtrArray) row = g_ptr_array_new ();
  for (; *keys != NULL; keys++)
    {
      char *value = satchel_cli_line_value (line, *keys);
      gint64 seconds;
      if (value != NULL && g_str_has_suffix (*keys, "_s")
          && g_ascii_string_to_signed (value, 10, G_MININT64, G_MAXINT64, &seconds, NULL))
        {
          g_free (value);
          value = satchel_cli_age (seconds);
        }
      g_ptr_array_add (row, value != NULL ? value : g_strdup ("-"));
    }
  g_ptr_array_add (row, NULL);
  g_ptr_array_add (rows, g_ptr_array_free (g_steal_pointer (&row), FALSE));
}

static void
print_rows (char **lines, const char *first_word, const char *const *keys, const char *const *titles)
{
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);
  g_ptr_array_add (rows, g_strdupv ((char **) titles));
  for (char **line = lines; *line != NULL; line++)
    if (g_str_has_prefix (*line, first_word))
      add_row (rows, *line, keys);
  satchel_cli_print_table (rows, g_strv_length ((char **) titles));
}

static void
print_who (char **lines)
{
  static const char *const keys[] = { "user", "service", "address", "tls", "session", "age_s", NULL };
  static const char *const titles[] = { "USER", "SERVICE", "ADDRESS", "TLS", "SESSION", "AGE", NULL };
  print_rows (lines, "user=", keys, titles);
  for (char **line = lines; *line != NULL; line++)
    if (**line != '\0' && !g_str_has_prefix (*line, "user="))
      fprintf (stderr, "%s\n", *line);
}

static void
print_status (char **lines)
{
  /* The column of modules is shown only if there are helpers, since other processes belong to none. */
  gboolean has_helpers = FALSE;
  for (char **line = lines; *line != NULL; line++)
    has_helpers = has_helpers || g_str_has_prefix (*line, "process role=helper ");
  const char *const last_key = has_helpers ? "module" : NULL, *const last_title =
                                                                  has_helpers ? "MODULE" : NULL;
  const char *const keys[] = { "role", "slot", "pid", "state", "restarts", "uptime_s", last_key, NULL };
  const char *const titles[] = { "PROCESS", "SLOT", "PID", "STATE", "RESTARTS", "UPTIME", last_title, NULL };
  for (char **line = lines; *line != NULL; line++)
    if (g_str_has_prefix (*line, "server "))
      {
        g_autofree char *pid = satchel_cli_line_value (*line, "pid"),
                        *version = satchel_cli_line_value (*line, "version");
        g_autofree char *state = satchel_cli_line_value (*line, "state"),
                        *generation = satchel_cli_line_value (*line, "generation");
        g_autofree char *since = satchel_cli_line_value (*line, "since");
        gint64 began = 0, age = 0;
        if (since != NULL && g_ascii_string_to_signed (since, 10, 0, G_MAXINT64, &began, NULL))
          age = g_get_real_time () / G_USEC_PER_SEC - began;
        g_autofree char *up = satchel_cli_age (MAX (age, 0));
        printf ("satcheld %s, pid %s: %s for %s, configuration %s\n\n", version, pid, state, up, generation);
      }
  print_rows (lines, "process ", keys, titles);
  puts ("");
  for (char **line = lines; *line != NULL; line++)
    if (g_str_has_prefix (*line, RELEASED))
      {
        g_autofree char *user = satchel_cli_line_value (*line, "user");
        printf ("%s is released: no logins and no mail until `satchel adopt %s`\n", user, user);
      }
    else if (**line != '\0' && !g_str_has_prefix (*line, "server ") && !g_str_has_prefix (*line, "process ")
             && !g_str_has_prefix (*line, SATCHEL_CLI_COUNTER))
      puts (*line);
}

/* Each mail process answers with the number of sessions that it ended. */
static guint64
count_kicked (const char *answer)
{
  g_auto (GStrv) lines = g_strsplit (answer, "\n", -1);
  guint64 n = 0;
  for (char **line = lines; *line != NULL; line++)
    {
      const char *at = *line;
      guint32 one = 0;
      (void) satchel_number_take_u32 (&at, NULL, G_MAXUINT32, &one);
      n += one;
    }
  return n;
}

static gboolean
has_lines (char **lines, const char *first_word)
{
  while (*lines != NULL && !g_str_has_prefix (*lines, first_word))
    lines++;
  return *lines != NULL;
}

static void
print_devices (char **lines)
{
  static const char *const credential_keys[] = { "id",      "label",   "network", "client", "service",
                                                 "address", "since_s", "used_s",  NULL };
  static const char *const credential_titles[] = { "CREDENTIAL", "LABEL",   "FROM", "CLIENT", "SERVICE",
                                                   "ADDRESS",    "CREATED", "USED", NULL };
  static const char *const session_keys[] = { "session", "credential", "client", "service",
                                              "address", "tls",        "age_s",  NULL };
  static const char *const session_titles[] = { "SESSION", "CREDENTIAL", "CLIENT", "SERVICE",
                                                "ADDRESS", "TLS",        "AGE",    NULL };
  if (has_lines (lines, "credential "))
    print_rows (lines, "credential ", credential_keys, credential_titles);
  if (has_lines (lines, "credential ") && has_lines (lines, "session "))
    puts ("");
  if (has_lines (lines, "session "))
    print_rows (lines, "session ", session_keys, session_titles);
}

/* Counts what one kind of process has ended. */
static guint64
count_ended (char **lines, const char *first_word)
{
  guint64 n = 0, one;
  for (; *lines != NULL; lines++)
    {
      g_autofree char *value =
          g_str_has_prefix (*lines, first_word) ? satchel_cli_line_value (*lines, "ended") : NULL;
      if (value != NULL && g_ascii_string_to_unsigned (value, 10, 0, G_MAXUINT32, &one, NULL))
        n += one;
    }
  return n;
}

static void
print_ended (char **lines)
{
  printf ("%" G_GUINT64_FORMAT " credentials are revoked, and %" G_GUINT64_FORMAT " sessions end at once.\n",
          count_ended (lines, "credentials "), count_ended (lines, "sessions "));
}

/* Prints the answer, or a sentence of the command's own if the server only reports success. */
static void
print_answer (const SatchelCli *cli, const char *user, const char *answer)
{
  const char *name = cli->command->name;
  g_auto (GStrv) lines = g_strsplit (answer, "\n", -1);
  if (strcmp (name, "who") == 0)
    print_who (lines);
  else if (strcmp (name, "status") == 0 && satchel_cli_option (cli, "--counters") != NULL)
    satchel_cli_print_counters (lines);
  else if (strcmp (name, "status") == 0)
    print_status (lines);
  else if (strcmp (name, "devices") == 0)
    print_devices (lines);
  else if (strcmp (name, "end") == 0)
    print_ended (lines);
  else if (strcmp (name, "kick") == 0)
    {
      guint64 n = count_kicked (answer);
      printf ("%" G_GUINT64_FORMAT " %s of %s ended.\n", n, n == 1 ? "session" : "sessions", user);
    }
  else if (*answer != '\0')
    printf ("%s%s", answer, g_str_has_suffix (answer, "\n") ? "" : "\n");
  else if (strcmp (name, "reload") == 0)
    puts ("The configuration was reloaded.");
  else if (strcmp (name, "stop") == 0)
    puts ("The server has stopped.");
}

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
has_ended (const char *answer)
{
  g_auto (GStrv) lines = g_strsplit (answer, "\n", -1);
  return count_ended (lines, "credentials ") + count_ended (lines, "sessions ") > 0;
}

int
satchel_cli_server (SatchelCli *cli)
{
  g_autoptr (SatchelConfigSet) core = satchel_cli_load_core (cli);
  const char *run_dir = satchel_cli_server_settings (core).run_dir;
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autoptr (GString) answer = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  guint status = 0;
  g_autofree char *user = NULL;
  if (g_str_has_prefix (cli->command->arguments, "USER"))
    {
      int exit;
      user = satchel_cli_user_name (core, cli->arguments->pdata[0], &exit);
      if (user == NULL)
        return exit;
      cli->arguments->pdata[0] = user;
    }
  gboolean is_devices_end = g_strcmp0 (cli->command->group, "devices") == 0;
  if (is_devices_end && !choose_device (cli))
    return satchel_cli_fail (SATCHEL_EXIT_USAGE,
                             "which device? give an id that `satchel devices %s` shows, or --all", user);
  g_ptr_array_add (argv, (gpointer) (is_devices_end ? "devices-end" : cli->command->name));
  for (guint i = 0; i < cli->arguments->len; i++) /* the NULL at the end included */
    g_ptr_array_add (argv, cli->arguments->pdata[i]);
  gboolean is_stop = strcmp (cli->command->name, "stop") == 0;
  if (!(is_stop ? satchel_control_stop : satchel_control_call) (
          run_dir, (const char *const *) argv->pdata, TIMEOUT_MS, collect_answer, answer, &status, &error))
    {
      if (g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_ACCESS))
        return satchel_cli_fail (SATCHEL_EXIT_NOPERM,
                                 "%s; only root and the group of server.admin_group may do this",
                                 error->message);
      return satchel_cli_fail_error (error);
    }
  /* Auth answers that there is no such user, but the mail processes may still have ended sessions of a user
   * who was removed. */
  if (strcmp (cli->command->name, "kick") == 0 && status == SATCHEL_EXIT_NO_USER)
    {
      guint64 n = count_kicked (answer->str);
      if (n == 0)
        return satchel_cli_fail (SATCHEL_EXIT_NO_USER,
                                 "%s: no such user; `satchel who` shows who is logged in", user);
      status = 0;
    }
  if (is_devices_end && status == 0 && satchel_cli_option (cli, "--all") == NULL && !has_ended (answer->str))
    return satchel_cli_fail (SATCHEL_EXIT_NO_USER,
                             "%s has nothing of that id; `satchel devices %s` shows all", user, user);
  if (satchel_cli_option (cli, "--json") != NULL)
    print_json (cli->command->name, status, answer->str);
  else if (status == 0)
    print_answer (cli, user, answer->str);
  else if (answer->len > 0)
    fprintf (stderr, "%s%s", answer->str, g_str_has_suffix (answer->str, "\n") ? "" : "\n");
  else
    satchel_cli_fail (status, "the server refused the command and gave no reason");
  return (int) (status <= 125 ? status : 1);
}
