/* SPDX-License-Identifier: MIT
 * Checks a command of a module, asks the running server to carry it out, and shows its output while it
 * works. core/session/admin/admin_private.h describes the frames of the answer.
 */
#include "config.h"

#include <satchel/auth.h>
#include <satchel/number.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/base/fd.h"
#include "core/cli/admin_totals.h"
#include "core/cli/cli.h"
#include "core/cli/control_client.h"
#include "core/runtime/loader/admin_options.h"
#include "core/base/json.h"
#include "core/session/admin/admin_private.h"

/* The server sends a sign of life more often than this. */

typedef struct Answer
{
  GString *rest; /* the beginning of a line whose end has not arrived */
  gboolean is_json, shows_progress, has_progress;
  gboolean goes_on; /* another command follows if this one ends well */
  gboolean is_ended;
  guint n_interrupts;
  GError *error;            /* the error with which the command ended */
  char *question;           /* "OPTION PROMPT", or NULL */
  GString *said;            /* the answer of a server that could not begin the command */
  SatchelCliTotals *totals; /* which take the records; NULL: they are printed */
} Answer;

static void
clear_progress (Answer *answer)
{
  if (answer->has_progress)
    fputs ("\r\033[K", stderr);
  answer->has_progress = FALSE;
}

static void
show_progress (Answer *answer, const char *text)
{
  guint64 done = 0, total = 0;
  if (!satchel_number_take (&text, NULL, 10, G_MAXINT64, &done) || !satchel_text_take (&text, " ")
      || !satchel_number_take (&text, NULL, 10, G_MAXINT64, &total))
    return;
  const char *what = text + (*text == ' ');
  if (answer->is_json)
    {
      g_autoptr (GString) out = g_string_new (NULL);
      SatchelJson json = { .out = out };
      satchel_json_open (&json, NULL, '{');
      satchel_json_open (&json, "progress", '{');
      satchel_json_number (&json, "done", (gint64) done);
      satchel_json_number (&json, "total", (gint64) total);
      satchel_json_text (&json, "what", what);
      satchel_json_close (&json, '}');
      satchel_json_close (&json, '}');
      puts (out->str);
    }
  if (answer->is_json || !answer->shows_progress)
    return;
  fprintf (stderr, "\r%" G_GUINT64_FORMAT, done);
  if (total > 0)
    fprintf (stderr, " of %" G_GUINT64_FORMAT, total);
  fprintf (stderr, " %s\033[K", what);
  answer->has_progress = TRUE;
}

static void
take_line (Answer *answer, const char *line)
{
  switch (*line)
    {
    case SATCHEL_ADMIN_FRAME_LINE:
      clear_progress (answer);
      if (answer->totals != NULL)
        satchel_cli_totals_add (answer->totals, line + 1);
      else
        puts (line + 1);
      break;
    case SATCHEL_ADMIN_FRAME_PROGRESS:
      show_progress (answer, line + 1);
      break;
    case SATCHEL_ADMIN_FRAME_ERROR:
      {
        const char *text = line + 1;
        guint32 code = SATCHEL_ERROR_FAILED;
        (void) satchel_number_take_u32 (&text, NULL, G_MAXUINT32, &code);
        g_clear_error (&answer->error);
        satchel_error_set (&answer->error, (SatchelErrorCode) code, "%s", text + (*text == ' '));
        break;
      }
    case SATCHEL_ADMIN_FRAME_QR:
      if (!answer->is_json && isatty (STDOUT_FILENO))
        satchel_cli_print_qr (line + 1);
      break;
    case SATCHEL_ADMIN_FRAME_ASK:
      g_free (answer->question);
      answer->question = g_strdup (line + 1);
      break;
    case SATCHEL_ADMIN_FRAME_END:
      answer->is_ended = TRUE;
      break;
    case SATCHEL_ADMIN_FRAME_ALIVE:
      break;
    default:
      g_string_append_printf (answer->said, "%s%s", answer->said->len > 0 ? "; " : "", line);
    }
}

static void
take_part (const char *text, gpointer data)
{
  Answer *answer = data;
  g_string_append (answer->rest, text);
  char *at = answer->rest->str, *newline;
  for (; (newline = strchr (at, '\n')) != NULL; at = newline + 1)
    {
      *newline = '\0';
      take_line (answer, at);
    }
  g_string_erase (answer->rest, 0, at - answer->rest->str);
  fflush (stdout);
}

static gboolean
cancel_command (gpointer data)
{
  Answer *answer = data;
  clear_progress (answer);
  if (answer->n_interrupts++ > 0)
    return FALSE;
  fputs ("satchel: cancelling the command; interrupt again to leave at once\n", stderr);
  return TRUE;
}

/* Returns "NAME=VALUE" for each option that was given; the values belong to the command line. */
static GPtrArray *
option_words (const SatchelCli *cli)
{
  GPtrArray *words = g_ptr_array_new_with_free_func (g_free);
  const SatchelAdminCommand *admin = cli->command->admin;
  const SatchelConfigRow *operand = satchel_admin_operand (admin);
  for (const SatchelConfigRow *row = admin->options; row != NULL && row->key != NULL; row++)
    {
      g_autofree char *name = g_strconcat ("--", row->key, NULL);
      const char *value = row == operand ? satchel_cli_argument (cli, admin->of_user ? 1 : 0)
                                         : satchel_cli_option (cli, name);
      if (value != NULL)
        g_ptr_array_add (words, g_strconcat (row->key, "=", value, NULL));
    }
  g_ptr_array_add (words, NULL);
  return words;
}

static int
check_words (const SatchelCli *cli, const GPtrArray *words)
{
  g_autoptr (GError) error = NULL;
  for (guint i = 0; words->pdata[i] != NULL; i++)
    if (!g_utf8_validate (words->pdata[i], -1, NULL))
      return satchel_cli_fail (SATCHEL_EXIT_USAGE, "%s is not UTF-8", (const char *) words->pdata[i]);
  SatchelConfig *options =
      satchel_admin_parse_options (cli->command->admin, (const char *const *) words->pdata, &error);
  satchel_admin_options_free (options);
  if (options != NULL)
    return SATCHEL_EXIT_OK;
  const SatchelCliCommand *typed = cli->typed != NULL ? cli->typed : cli->command;
  return satchel_cli_fail (SATCHEL_EXIT_USAGE, "%s; see satchel %s%s%s --help", error->message,
                           typed->group != NULL ? typed->group : "", typed->group != NULL ? " " : "",
                           typed->name);
}

/* Returns the exit status of the command; the reason of a failure is printed to standard error. */
static int
judge_answer (const Answer *answer, guint status, const GError *error)
{
  if (error != NULL && error->code == SATCHEL_ERROR_ACCESS)
    return satchel_cli_fail_to_ask (error);
  const GError *told = error != NULL ? error : answer->error;
  if (told != NULL && told->code == SATCHEL_ERROR_CANCELLED)
    return satchel_cli_fail (SATCHEL_EXIT_INTERRUPTED, "%s", told->message);
  if (told != NULL)
    return satchel_cli_fail_error (told);
  if (answer->is_ended && status == 0)
    return SATCHEL_EXIT_OK;
  if (answer->said->len > 0)
    return satchel_cli_fail (status != 0 ? status : SATCHEL_EXIT_FAILED, "%s", answer->said->str);
  return satchel_cli_fail (
      SATCHEL_EXIT_UNAVAILABLE,
      "the process that ran the command ended before the command did; see `satchel status` and the log");
}

static void
print_end (int exit, const char *error)
{
  g_autoptr (GString) out = g_string_new (NULL);
  SatchelJson json = { .out = out };
  satchel_json_open (&json, NULL, '{');
  satchel_json_number (&json, "status", exit);
  satchel_json_text (&json, "error", exit == 0 ? NULL : error);
  satchel_json_close (&json, '}');
  puts (out->str);
}

/* Returns the command that is to follow; NULL: none. */
static const SatchelCliCommand *
find_next (const SatchelCli *cli)
{
  const SatchelAdminCommand *admin = cli->command->admin;
  if (!SATCHEL_HAS (admin, then))
    return NULL;
  for (guint i = 0; i < cli->commands->len; i++)
    {
      const SatchelCliCommand *command = cli->commands->pdata[i];
      if (command->admin != NULL && g_strcmp0 (command->group, cli->command->group) == 0
          && strcmp (command->name, admin->then) == 0)
        return command;
    }
  return NULL;
}

/* Sets *ret_question to what the command asks (the caller frees it), or to NULL if it asks nothing.  @totals
 * takes what it prints, if that is not NULL. */
static int
run_once (SatchelCli *cli, const char *user, const GPtrArray *words, SatchelCliTotals *totals,
          char **ret_question)
{
  Answer answer = { .rest = g_string_new (NULL),
                    .said = g_string_new (NULL),
                    .is_json = totals == NULL && satchel_cli_option (cli, "--json") != NULL,
                    .shows_progress = totals == NULL && isatty (STDERR_FILENO),
                    .goes_on = find_next (cli) != NULL,
                    .totals = totals };
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autoptr (GError) error = NULL;
  guint status = 0;
  gboolean in_auth = satchel_admin_is_in_auth (cli->command->admin);
  const char *const head[] = { in_auth ? "run-auth" : "run", cli->command->group, cli->command->name, user,
                               answer.is_json || totals != NULL ? "json" : "text" };
  for (guint i = 0; i < G_N_ELEMENTS (head); i++)
    g_ptr_array_add (argv, (gpointer) head[i]);
  for (guint i = 0; i < words->len; i++) /* the last word is NULL */
    g_ptr_array_add (argv, words->pdata[i]);
  sigset_t signals;
  sigemptyset (&signals);
  sigaddset (&signals, SIGINT);
  sigaddset (&signals, SIGTERM);
  sigprocmask (SIG_BLOCK, &signals, NULL);
  g_auto (SatchelFd) signal_fd = signalfd (-1, &signals, SFD_CLOEXEC);
  const char *run_dir = satchel_cli_server_settings (cli->set).run_dir;
  const SatchelControlCall call = { .run_dir = run_dir,
                                    .argv = (const char *const *) argv->pdata,
                                    .channel_fd = cli->channel_fd,
                                    .func = take_part,
                                    .data = &answer,
                                    .signal_fd = signal_fd,
                                    .interrupted = cancel_command };
  (void) satchel_control_call (&call, &status, &error);
  clear_progress (&answer);
  cli->is_cut_off = error != NULL;
  if (cli->names_user)
    g_prefix_error (&answer.error, "%s: ", user);
  int exit = judge_answer (&answer, status, error);
  if (answer.is_json && !cli->is_of_many && (exit != SATCHEL_EXIT_OK || !answer.goes_on))
    print_end (exit, error != NULL          ? error->message
                     : answer.error != NULL ? answer.error->message
                                            : answer.said->str);
  g_string_free (answer.rest, TRUE);
  g_string_free (answer.said, TRUE);
  g_clear_error (&answer.error);
  *ret_question = answer.is_json ? NULL : g_steal_pointer (&answer.question);
  g_free (answer.question);
  return exit;
}

/* Reads a line of standard input. NULL means that there is none. */
static char *
read_answer (const char *prompt)
{
  char line[1024];
  if (isatty (STDIN_FILENO))
    fprintf (stderr, "%s: ", prompt);
  if (fgets (line, sizeof line, stdin) == NULL)
    return NULL;
  return g_strdup (g_strstrip (line));
}

/* Asks for the answer; a password is not shown while it is typed.  NULL means that none was given. */
static char *
ask_for (const char *option, const char *prompt, const char *user)
{
  int exit;
  if (strcmp (option, "password") == 0 && isatty (STDIN_FILENO))
    return satchel_cli_read_present_password (FALSE, user, &exit);
  return read_answer (prompt);
}

/* Asks for the answer, and puts it in the place of an earlier one.  FALSE means that no answer was given. */
static gboolean
answer_question (GPtrArray *words, const char *question, const char *user)
{
  const char *space = strchr (question, ' ');
  g_autofree char *option =
      g_strndup (question, space != NULL ? (gsize) (space - question) : strlen (question));
  g_autofree char *typed = ask_for (option, space != NULL ? space + 1 : option, user);
  g_autofree char *start = g_strconcat (option, "=", NULL);
  if (typed == NULL || *typed == '\0')
    return FALSE;
  for (guint i = words->len - 1; i-- > 0;)
    if (g_str_has_prefix (words->pdata[i], start))
      g_ptr_array_remove_index (words, i);
  g_ptr_array_insert (words, 0, g_strconcat (start, typed, NULL));
  return TRUE;
}

static int
run_there (SatchelCli *cli, const char *user, GPtrArray *words)
{
  for (;;)
    {
      g_autofree char *question = NULL;
      int exit = run_once (cli, user, words, NULL, &question);
      if (exit != SATCHEL_EXIT_OK || question == NULL)
        return exit;
      if (!answer_question (words, question, user))
        return satchel_cli_fail (SATCHEL_EXIT_INTERRUPTED,
                                 "no answer was given; run the command again with --%.*s",
                                 (int) strcspn (question, " "), question);
      if ((exit = check_words (cli, words)) != SATCHEL_EXIT_OK)
        return exit;
    }
}

static gboolean
has_option (const SatchelAdminCommand *admin, const char *word)
{
  for (const SatchelConfigRow *row = admin->options; row != NULL && row->key != NULL; row++)
    if (strncmp (word, row->key, strlen (row->key)) == 0 && word[strlen (row->key)] == '=')
      return TRUE;
  return FALSE;
}

/* Runs the command, and those that follow it with the options that they have. */
static int
run_all_there (SatchelCli *cli, const char *user, GPtrArray *words)
{
  int exit = run_there (cli, user, words);
  for (const SatchelCliCommand *next = find_next (cli); exit == SATCHEL_EXIT_OK && next != NULL;
       next = find_next (cli))
    {
      cli->command = next;
      for (guint i = words->len - 1; i-- > 0;)
        if (!has_option (next->admin, words->pdata[i]))
          g_ptr_array_remove_index (words, i);
      exit = run_there (cli, user, words);
    }
  return exit;
}

int
satchel_cli_run_there (SatchelCli *cli, const SatchelCliCommand *command, const char *user, GPtrArray *words)
{
  cli->typed = cli->command;
  cli->command = command;
  int exit = check_words (cli, words);
  if (exit == SATCHEL_EXIT_OK)
    exit = run_there (cli, user, words);
  cli->command = g_steal_pointer (&cli->typed);
  return exit;
}

gboolean
satchel_cli_sums (const SatchelAdminCommand *admin)
{
  return admin->size >= offsetof (SatchelAdminCommand, sums) + sizeof admin->sums && admin->sums
         && admin->of_user && satchel_admin_operand (admin) == NULL;
}

gboolean
satchel_cli_by_domain (const SatchelAdminCommand *admin)
{
  return admin->size >= offsetof (SatchelAdminCommand, by_domain) + sizeof admin->by_domain
         && admin->by_domain && admin->of_user && satchel_admin_operand (admin) == NULL;
}

/* Runs the command, and those that follow it, for each user of @domain. */
static int
run_for_users (SatchelCli *cli, const GPtrArray *users, const char *domain, const GPtrArray *words)
{
  const SatchelCliCommand *command = cli->command;
  int worst = SATCHEL_EXIT_OK;
  guint n = 0;
  for (guint i = 0; i < users->len && worst != SATCHEL_EXIT_INTERRUPTED && !cli->is_cut_off; i++)
    {
      const char *at = strrchr (users->pdata[i], '@');
      if (at == NULL || g_ascii_strcasecmp (at + 1, domain) != 0)
        continue;
      g_autoptr (GPtrArray) own = g_ptr_array_new_with_free_func (g_free);
      for (guint k = 0; k < words->len; k++)
        g_ptr_array_add (own, g_strdup (words->pdata[k]));
      cli->command = command;
      int exit = run_all_there (cli, users->pdata[i], own);
      worst = MAX (worst, exit);
      n++;
    }
  cli->command = command;
  return n > 0 ? worst
               : satchel_cli_fail (SATCHEL_EXIT_NO_USER, "the password databases list no user of %s", domain);
}

static int
run_for_domain (SatchelCli *cli, const char *domain, const GPtrArray *words)
{
  /* The command is in a module of the first loader. */
  SatchelLoader *commands = g_steal_pointer (&cli->loader);
  g_autoptr (GPtrArray) users = g_ptr_array_new_with_free_func (g_free);
  g_hash_table_insert (cli->options, (gpointer) "--all", (gpointer) "");
  int exit = satchel_cli_setup (cli);
  exit = exit != SATCHEL_EXIT_OK ? exit : satchel_cli_start_modules (cli);
  exit = exit != SATCHEL_EXIT_OK ? exit : satchel_cli_find_users (cli, users, NULL);
  cli->names_user = cli->is_of_many = TRUE;
  exit = exit != SATCHEL_EXIT_OK ? exit : run_for_users (cli, users, domain, words);
  if (satchel_cli_option (cli, "--json") != NULL)
    print_end (exit, "it failed for some users, or there are none");
  if (cli->loader != NULL)
    satchel_loader_stop (cli->loader);
  if (commands != NULL)
    satchel_loader_free (commands);
  return exit;
}

/* Runs the command for all users and prints the sums.  What cannot be summed of a user is an error, and the
 * others go on. */
static int
run_for_all (SatchelCli *cli, const GPtrArray *words)
{
  /* The command is in a module of the first loader. */
  SatchelLoader *commands = g_steal_pointer (&cli->loader);
  g_autoptr (GPtrArray) users = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (SatchelCliTotals) totals = satchel_cli_totals_new ();
  int worst = satchel_cli_setup (cli);
  worst = worst != SATCHEL_EXIT_OK ? worst : satchel_cli_start_modules (cli);
  worst = worst != SATCHEL_EXIT_OK ? worst : satchel_cli_find_users (cli, users, NULL);
  cli->names_user = TRUE;
  for (guint i = 0; i < users->len && worst != SATCHEL_EXIT_INTERRUPTED && !cli->is_cut_off; i++)
    {
      g_autofree char *question = NULL;
      int exit = run_once (cli, users->pdata[i], words, totals, &question);
      worst = MAX (worst, exit);
    }
  gboolean is_json = satchel_cli_option (cli, "--json") != NULL;
  satchel_cli_totals_print (totals, is_json);
  if (is_json)
    print_end (worst, "what some users have is missing");
  if (cli->loader != NULL)
    satchel_loader_stop (cli->loader);
  if (commands != NULL)
    satchel_loader_free (commands);
  return worst;
}

int
satchel_cli_admin (SatchelCli *cli)
{
  g_autoptr (GPtrArray) words = option_words (cli);
  int exit = check_words (cli, words);
  const char *name = cli->command->admin->of_user ? satchel_cli_argument (cli, 0) : NULL;
  gboolean is_all = satchel_cli_option (cli, "--all") != NULL && satchel_cli_sums (cli->command->admin);
  const char *domain =
      satchel_cli_by_domain (cli->command->admin) ? satchel_cli_option (cli, "--domain") : NULL;
  if (exit == SATCHEL_EXIT_OK && domain != NULL)
    return name == NULL ? run_for_domain (cli, domain, words)
                        : satchel_cli_fail (SATCHEL_EXIT_USAGE, "name either a user, or --domain");
  if (exit == SATCHEL_EXIT_OK && name == NULL && satchel_cli_by_domain (cli->command->admin))
    return satchel_cli_fail (SATCHEL_EXIT_USAGE, "name either a user, or --domain");
  if (exit == SATCHEL_EXIT_OK && cli->command->admin->of_user && (name != NULL) == is_all)
    return satchel_cli_fail (SATCHEL_EXIT_USAGE, "name either a user, or --all");
  if (exit == SATCHEL_EXIT_OK && is_all)
    return run_for_all (cli, words);
  if (exit != SATCHEL_EXIT_OK || name == NULL)
    return exit != SATCHEL_EXIT_OK ? exit : run_there (cli, "", words);
  g_autofree char *user = satchel_cli_user_name (cli->set, name, &exit);
  return user != NULL ? run_all_there (cli, user, words) : exit;
}
