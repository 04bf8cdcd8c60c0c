/* SPDX-License-Identifier: MIT
 * Shows what the running server answered to status, who, kick, devices, reload and stop: as tables and
 * sentences for people, or as JSON (docs/man/satchel.1).
 */
#include "config.h"

#include <satchel/number.h>
#include <stdio.h>
#include <string.h>

#include "core/base/json.h"
#include "core/cli/counters.h"
#include "core/cli/server_answer.h"
#include "core/cli/table.h"

#define RELEASED "released " /* a line about a released user begins with this */

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

/* Adds the users that no process serves: "released": [...]. */
static void
released_to_json (SatchelJson *json, char **lines)
{
  satchel_json_open (json, "released", '[');
  for (char **line = lines; *line != NULL; line++)
    if (g_str_has_prefix (*line, RELEASED))
      {
        g_autofree char *user = satchel_cli_line_value (*line, "user");
        satchel_json_text (json, NULL, user);
      }
  satchel_json_close (json, ']');
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
      released_to_json (&json, lines);
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

static gboolean
has_lines (char **lines, const char *first_word)
{
  while (*lines != NULL && !g_str_has_prefix (*lines, first_word))
    lines++;
  return *lines != NULL;
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

/* Prints the line about the server itself, with how long it has been in its state. */
static void
print_server (const char *line)
{
  g_autofree char *pid = satchel_cli_line_value (line, "pid");
  g_autofree char *version = satchel_cli_line_value (line, "version");
  g_autofree char *state = satchel_cli_line_value (line, "state");
  g_autofree char *generation = satchel_cli_line_value (line, "generation");
  g_autofree char *since = satchel_cli_line_value (line, "since");
  gint64 began = 0, age = 0;
  if (since != NULL && g_ascii_string_to_signed (since, 10, 0, G_MAXINT64, &began, NULL))
    age = g_get_real_time () / G_USEC_PER_SEC - began;
  g_autofree char *up = satchel_cli_age (MAX (age, 0));
  printf ("satcheld %s, pid %s: %s for %s, configuration %s\n\n", version, pid, state, up, generation);
}

static void
print_processes (char **lines)
{
  static const char *const keys[] = { "role", "slot", "pid", "state", "restarts", "uptime_s", NULL };
  static const char *const titles[] = { "PROCESS", "SLOT", "PID", "STATE", "RESTARTS", "UPTIME", NULL };
  static const char *const helper_keys[] = { "role",     "slot",     "pid",    "state",
                                             "restarts", "uptime_s", "module", NULL };
  static const char *const helper_titles[] = { "PROCESS",  "SLOT",   "PID",    "STATE",
                                               "RESTARTS", "UPTIME", "MODULE", NULL };
  /* The column of modules is shown only if there are helpers, since other processes belong to none. */
  if (has_lines (lines, "process role=helper "))
    print_rows (lines, "process ", helper_keys, helper_titles);
  else
    print_rows (lines, "process ", keys, titles);
}

static void
print_released (const char *line)
{
  g_autofree char *user = satchel_cli_line_value (line, "user");
  printf ("%s is released: no logins and no mail until `satchel adopt %s`\n", user, user);
}

/* Prints the server, its processes, then released users and whatever else the server wrote. */
static void
print_status (char **lines)
{
  for (char **line = lines; *line != NULL; line++)
    if (g_str_has_prefix (*line, "server "))
      print_server (*line);
  print_processes (lines);
  puts ("");
  for (char **line = lines; *line != NULL; line++)
    if (g_str_has_prefix (*line, RELEASED))
      print_released (*line);
    else if (**line != '\0' && !g_str_has_prefix (*line, "server ") && !g_str_has_prefix (*line, "process ")
             && !g_str_has_prefix (*line, SATCHEL_CLI_COUNTER))
      puts (*line);
}

/* Each mail process answers with the number of sessions that it ended. */
guint64
satchel_server_answer_kicked (const char *answer)
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

/* Adds up what the lines that begin with @first_word say was ended. */
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

guint64
satchel_server_answer_ended (const char *answer)
{
  g_auto (GStrv) lines = g_strsplit (answer, "\n", -1);
  return count_ended (lines, "credentials ") + count_ended (lines, "sessions ");
}

static void
print_kicked (const char *user, const char *answer)
{
  guint64 n = satchel_server_answer_kicked (answer);
  printf ("%" G_GUINT64_FORMAT " %s of %s ended.\n", n, n == 1 ? "session" : "sessions", user);
}

typedef void (*PrintLines) (char **lines);

/* Returns what prints the answer to a command as a table; NULL means that the answer is no table. */
static PrintLines
find_printer (const SatchelCli *cli)
{
  static const struct
  {
    const char *command, *option; /* the option NULL: with or without */
    PrintLines print;
  } rows[] = {
    { "status", "--counters", satchel_cli_print_counters },
    { "status", NULL, print_status },
    { "who", NULL, print_who },
    { "devices", NULL, print_devices },
    { "end", NULL, print_ended },
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    if (strcmp (cli->command->name, rows[i].command) == 0
        && (rows[i].option == NULL || satchel_cli_option (cli, rows[i].option) != NULL))
      return rows[i].print;
  return NULL;
}

/* Says what was done, for commands to which the server answers nothing when they succeed. */
static void
print_success (const char *command)
{
  if (strcmp (command, "reload") == 0)
    puts ("The configuration was reloaded.");
  else if (strcmp (command, "stop") == 0)
    puts ("The server has stopped.");
}

static void
print_text (FILE *file, const char *text)
{
  fprintf (file, "%s%s", text, g_str_has_suffix (text, "\n") ? "" : "\n");
}

static void
print_for_people (const SatchelCli *cli, const char *user, const char *answer)
{
  PrintLines print = find_printer (cli);
  g_auto (GStrv) lines = g_strsplit (answer, "\n", -1);
  if (print != NULL)
    print (lines);
  else if (strcmp (cli->command->name, "kick") == 0)
    print_kicked (user, answer);
  else if (*answer != '\0')
    print_text (stdout, answer);
  else
    print_success (cli->command->name);
}

void
satchel_server_answer_print (const SatchelCli *cli, const char *user, guint status, const char *answer)
{
  if (satchel_cli_option (cli, "--json") != NULL)
    print_json (cli->command->name, status, answer);
  else if (status == 0)
    print_for_people (cli, user, answer);
  else if (*answer != '\0')
    print_text (stderr, answer);
  else
    satchel_cli_fail (status, "the server refused the command and gave no reason");
}
