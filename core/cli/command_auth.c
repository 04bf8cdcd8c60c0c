/* SPDX-License-Identifier: MIT
 * Runs the commands `satchel auth ...`, which ask the running server how a login would end, and which failed
 * logins it counts.
 */
#include "config.h"

#include <satchel/auth.h>
#include <stdio.h>
#include <string.h>

#include "core/base/json.h"
#include "core/cli/cli.h"
#include "core/cli/control_client.h"
#include "core/cli/table.h"

/* This names a key of the server's lines, its title in a table, and its type in JSON: 't' text, 'n' number,
 * 'b' boolean. */
typedef struct
{
  const char *key, *title;
  char type;
} Column;

static const Column throttle_columns[] = {
  { "kind", "KIND", 't' },         { "user", "USER", 't' },       { "network", "NETWORK", 't' },
  { "failures", "FAILURES", 'n' }, { "limit", "LIMIT", 'n' },     { "reserved", "RESERVED", 'n' },
  { "reserve", "RESERVE", 'n' },   { "refused", "REFUSED", 'b' }, { "forgotten_in_s", "FORGOTTEN IN", 'n' },
  { "seen", "LAST LOGIN", 'n' },   { "proved", "PROVED", 'b' },
};
static const Column step_columns[] = {
  { "step", "STEP", 't' },
  { "source", "MODULE", 't' },
  { "found", "FOUND", 't' },
};

static char *
shown_value (const char *line, const Column *column)
{
  gint64 number;
  char *value = satchel_cli_line_value (line, column->key);
  gboolean is_number =
      value != NULL && g_ascii_string_to_signed (value, 10, G_MININT64, G_MAXINT64, &number, NULL);
  if (value == NULL)
    return g_strdup ("-");
  if (is_number && strcmp (column->key, "forgotten_in_s") == 0)
    {
      g_free (value);
      return satchel_cli_age (number);
    }
  if (is_number && strcmp (column->key, "seen") == 0)
    {
      g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (number);
      g_free (value);
      return time != NULL ? g_date_time_format (time, "%Y-%m-%d") : g_strdup ("-");
    }
  return value;
}

static void
print_rows (char **lines, const char *first_key, const Column *columns, guint n_columns)
{
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);
  GPtrArray *row = g_ptr_array_new ();
  for (guint i = 0; i < n_columns; i++)
    g_ptr_array_add (row, g_strdup (columns[i].title));
  g_ptr_array_add (row, NULL);
  g_ptr_array_add (rows, g_ptr_array_free (row, FALSE));
  for (char **line = lines; *line != NULL; line++)
    {
      if (!g_str_has_prefix (*line, first_key))
        continue;
      row = g_ptr_array_new ();
      for (guint i = 0; i < n_columns; i++)
        g_ptr_array_add (row, shown_value (*line, &columns[i]));
      g_ptr_array_add (row, NULL);
      g_ptr_array_add (rows, g_ptr_array_free (row, FALSE));
    }
  satchel_cli_print_table (rows, n_columns);
}

/* Writes lines as JSON; what a line does not have is left out. */
static void
rows_to_json (SatchelJson *json, const char *key, char **lines, const char *first_key, const Column *columns,
              guint n_columns)
{
  satchel_json_open (json, key, '[');
  for (char **line = lines; *line != NULL; line++)
    {
      if (!g_str_has_prefix (*line, first_key))
        continue;
      satchel_json_open (json, NULL, '{');
      for (guint i = 0; i < n_columns; i++)
        {
          g_autofree char *value = satchel_cli_line_value (*line, columns[i].key);
          if (value != NULL && columns[i].type == 'n')
            satchel_json_decimal (json, columns[i].key, value);
          else if (value != NULL && columns[i].type == 'b')
            satchel_json_bool (json, columns[i].key, strcmp (value, "yes") == 0);
          else if (value != NULL)
            satchel_json_text (json, columns[i].key, value);
        }
      satchel_json_close (json, '}');
    }
  satchel_json_close (json, ']');
}

/* Returns 0, or the exit status of a failure to ask, which was printed. */
static int
ask_server (SatchelCli *cli, const char *const *argv, GString *answer, guint *ret_status)
{
  g_autoptr (SatchelConfigSet) core = satchel_cli_load_core (cli);
  g_autoptr (GError) error = NULL;
  const char *run_dir = satchel_config_path (satchel_config_set_group (core, "server"), "run_dir");
  if (satchel_control_ask (run_dir, argv, answer, ret_status, &error))
    return SATCHEL_EXIT_OK;
  return satchel_cli_fail_to_ask (error);
}

static int
fail_refused (const char *answer, guint status)
{
  g_autofree char *text = g_strchomp (g_strdup (answer));
  return satchel_cli_fail (status, "%s", *text != '\0' ? text : "the server gave no reason");
}

/* ---- auth test ---- */

/* Returns the last line that has a reason, which says how the login ended. */
static const char *
find_end (char **lines)
{
  const char *end = NULL;
  for (char **line = lines; *line != NULL; line++)
    if (g_str_has_prefix (*line, "reason="))
      end = *line;
  return end;
}

static void
print_test (SatchelCli *cli, char **lines, const char *const *argv, guint status)
{
  const char *end = find_end (lines);
  g_autofree char *reason = satchel_cli_line_value (end, "reason"),
                  *credential = satchel_cli_line_value (end, "credential");
  if (satchel_cli_option (cli, "--json") == NULL)
    {
      print_rows (lines, "step=", step_columns, G_N_ELEMENTS (step_columns));
      printf ("\nreason=%s%s%s\n", reason, credential != NULL ? " credential=" : "",
              credential != NULL ? credential : "");
      return;
    }
  g_autoptr (GString) out = g_string_new (NULL);
  SatchelJson json = { .out = out };
  satchel_json_open (&json, NULL, '{');
  satchel_json_text (&json, "user", argv[1]);
  satchel_json_text (&json, "service", argv[2]);
  satchel_json_text (&json, "from", argv[3]);
  satchel_json_bool (&json, "succeeds", status == 0);
  satchel_json_text (&json, "reason", reason);
  satchel_json_text (&json, "credential", credential);
  rows_to_json (&json, "steps", lines, "step=", step_columns, G_N_ELEMENTS (step_columns));
  satchel_json_close (&json, '}');
  puts (out->str);
}

int
satchel_cli_auth_test (SatchelCli *cli)
{
  const char *user = satchel_cli_argument (cli, 0), *service = satchel_cli_option (cli, "--service"),
             *from = satchel_cli_option (cli, "--from"), *mechanism = satchel_cli_option (cli, "--mechanism");
  int exit;
  char *password =
      satchel_cli_read_present_password (satchel_cli_option (cli, "--stdin") != NULL, user, &exit);
  if (password == NULL)
    return exit;
  const char *const argv[] = { "auth-test",
                               user,
                               service != NULL ? service : "",
                               from != NULL ? from : "local",
                               mechanism != NULL ? mechanism : "",
                               password,
                               NULL };
  g_autoptr (GString) answer = g_string_new (NULL);
  guint status = 0;
  exit = ask_server (cli, argv, answer, &status);
  satchel_secret_free (password);
  if (exit != SATCHEL_EXIT_OK)
    return exit;
  g_auto (GStrv) lines = g_strsplit (answer->str, "\n", -1);
  if (find_end (lines) == NULL)
    return fail_refused (answer->str, status != 0 ? status : SATCHEL_EXIT_UNAVAILABLE);
  print_test (cli, lines, argv, status);
  return (int) status;
}

/* ---- auth throttle ---- */

static void
print_list (SatchelCli *cli, char **lines, const char *text)
{
  if (satchel_cli_option (cli, "--json") == NULL)
    {
      g_autofree char *more = NULL;
      for (char **line = lines; *line != NULL; line++)
        if (g_str_has_prefix (*line, "more="))
          more = satchel_cli_line_value (*line, "more");
      if (strstr (text, "kind=") == NULL)
        puts ("There is nothing.");
      else
        print_rows (lines, "kind=", throttle_columns, G_N_ELEMENTS (throttle_columns));
      if (more != NULL)
        fprintf (stderr, "%s more are not shown.\n", more);
      return;
    }
  g_autoptr (GString) out = g_string_new (NULL);
  SatchelJson json = { .out = out };
  satchel_json_open (&json, NULL, '{');
  rows_to_json (&json, "entries", lines, "kind=", throttle_columns, G_N_ELEMENTS (throttle_columns));
  satchel_json_close (&json, '}');
  puts (out->str);
}

static void
print_cleared (SatchelCli *cli, const char *line)
{
  g_autofree char *failures = satchel_cli_line_value (line, "failures"),
                  *networks = satchel_cli_line_value (line, "networks");
  g_autoptr (GString) out = g_string_new (NULL);
  SatchelJson json = { .out = out };
  if (satchel_cli_option (cli, "--json") == NULL && failures == NULL)
    puts ("All failed logins are forgotten.");
  else if (satchel_cli_option (cli, "--json") == NULL)
    printf ("%s failed logins and %s networks are forgotten.\n", failures, networks);
  else
    {
      satchel_json_open (&json, NULL, '{');
      satchel_json_decimal (&json, "failures", failures != NULL ? failures : "");
      satchel_json_decimal (&json, "networks", networks != NULL ? networks : "");
      satchel_json_close (&json, '}');
      puts (out->str);
    }
}

int
satchel_cli_auth_throttle (SatchelCli *cli)
{
  const char *verb = cli->command->name, *name = satchel_cli_argument (cli, 0);
  gboolean is_clear = strcmp (verb, "clear") == 0, is_all = satchel_cli_option (cli, "--all") != NULL;
  if (is_clear && is_all == (name != NULL))
    return satchel_cli_fail (SATCHEL_EXIT_USAGE, "write a user, an address, or --all");
  const char *what = is_all                                           ? "all"
                     : !is_clear                                      ? "refused"
                     : satchel_cli_option (cli, "--networks") != NULL ? "networks"
                                                                      : "failures";
  const char *const argv[] = { "throttle", verb, what, name, NULL };
  g_autoptr (GString) answer = g_string_new (NULL);
  guint status = 0;
  int exit = ask_server (cli, argv, answer, &status);
  if (exit != SATCHEL_EXIT_OK)
    return exit;
  if (status != 0)
    return fail_refused (answer->str, status);
  g_auto (GStrv) lines = g_strsplit (answer->str, "\n", -1);
  if (is_clear)
    print_cleared (cli, lines[0] != NULL ? lines[0] : "");
  else
    print_list (cli, lines, answer->str);
  return SATCHEL_EXIT_OK;
}
