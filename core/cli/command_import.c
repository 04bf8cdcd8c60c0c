/* SPDX-License-Identifier: MIT
 * The command `satchel import` without a path. The storage driver reports what another server left (examine),
 * and opening a mailbox takes it over. Each user is handled in a child process with the rights of the mail
 * user; if the server runs, it releases the user meanwhile.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <satchel/auth.h>
#include <satchel/storage.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/fd.h"
#include "core/cli/cli.h"
#include "core/cli/command_transfer.h"
#include "core/cli/control_client.h"
#include "core/base/json.h"
#include "core/runtime/process/root_lock.h"
#include "core/storage/store/store_open.h"

#define NOTHING "nothing there"
#define FAILED "failed"

/* After an interrupt the current user is finished, and given back to the server, before the command ends. */
static volatile sig_atomic_t is_interrupted;

static void
note_interrupt (int number)
{
  is_interrupted = 1;
}

typedef struct Import
{
  SatchelCli *cli;
  const SatchelProvided *driver;
  const SatchelConfig *section;
  SatchelServerSettings server;
  int root_fd, lock_fd;
  const char *run_dir; /* run directory of the running server; NULL: no server runs */
  guint uid, gid;      /* account of the mail user; 0: the process keeps its own */
  GPtrArray *known;    /* users of all passdbs; NULL: some passdb cannot list its users */
  gboolean is_dry, as_json, is_quiet;
} Import;

typedef struct Report
{
  GString *mailboxes; /* JSON objects */
  SatchelJson json;
  char *origin;
  guint n_mailboxes, n_problems;
  guint64 n_messages, n_uids, n_unique_ids, n_keywords, n_subscriptions;
  GPtrArray *problems; /* char * */
} Report;

static void
note_problem (const SatchelExamined *found, gpointer data)
{
  Report *report = data;
  if (found->origin != NULL)
    report->origin = g_strdup (found->origin);
  report->n_subscriptions += found->n_subscriptions;
  if (found->problem != NULL)
    g_ptr_array_add (report->problems, found->name != NULL
                                           ? g_strdup_printf ("%s: %s", found->name, found->problem)
                                           : g_strdup (found->problem));
  if (found->name == NULL)
    return;
  report->n_mailboxes++;
  report->n_messages += found->n_messages;
  report->n_uids += found->n_uids;
  report->n_unique_ids += found->n_unique_ids;
  report->n_keywords += found->n_keywords;
  satchel_json_open (&report->json, NULL, '{');
  satchel_json_text (&report->json, "name", found->name);
  satchel_json_number (&report->json, "uidvalidity", found->uidvalidity);
  satchel_json_number (&report->json, "messages", found->n_messages);
  satchel_json_number (&report->json, "uids", found->n_uids);
  satchel_json_number (&report->json, "unique_ids", found->n_unique_ids);
  satchel_json_number (&report->json, "keywords", found->n_keywords);
  satchel_json_close (&report->json, '}');
}

static gboolean
open_all (const Import *import, const char *user, const char *path, Report *report, GError **error)
{
  const SatchelStoreLevel level = { import->driver->name, import->driver->ops, import->section };
  g_autoptr (SatchelAccess) access = satchel_access_new (&(SatchelAccess) { .size = sizeof (SatchelAccess),
                                                                            .cause = SATCHEL_CAUSE_ADMIN,
                                                                            .owner = user,
                                                                            .rights = SATCHEL_RIGHTS_ALL });
  const SatchelStoreOpenOptions options = {
    .user = user, .path = path, .root_fd = import->root_fd, .access = access, .levels = &level, .n_levels = 1
  };
  g_autoptr (SatchelStore) store = satchel_store_open (&options, error);
  g_autoptr (GPtrArray) names = store != NULL ? satchel_store_list (store, error) : NULL;
  for (guint i = 0; names != NULL && i < names->len; i++)
    {
      const SatchelMailboxInfo *info = names->pdata[i];
      g_autoptr (GError) local = NULL;
      g_autoptr (SatchelMailbox) mailbox =
          info->is_selectable ? satchel_store_open_mailbox (store, info->name, &local) : NULL;
      if (local != NULL)
        g_ptr_array_add (report->problems, g_strdup_printf ("%s: %s", info->name, local->message));
      g_clear_pointer (&mailbox, satchel_mailbox_unref);
      satchel_store_sweep (store, 0);
    }
  return names != NULL;
}

static void
print_report (const Import *import, const char *user, const Report *report, const char *state, FILE *out)
{
  if (import->as_json)
    {
      g_autoptr (GString) text = g_string_new (NULL);
      SatchelJson json = { .out = text };
      satchel_json_open (&json, NULL, '{');
      satchel_json_text (&json, "user", user);
      satchel_json_text (&json, "state", state);
      satchel_json_text (&json, "origin", report->origin);
      satchel_json_number (&json, "subscriptions", (gint64) report->n_subscriptions);
      satchel_json_open (&json, "mailboxes", '[');
      g_string_append (text, report->mailboxes->str);
      satchel_json_close (&json, ']');
      satchel_json_open (&json, "problems", '[');
      for (guint i = 0; i < report->problems->len; i++)
        satchel_json_text (&json, NULL, report->problems->pdata[i]);
      satchel_json_close (&json, ']');
      satchel_json_close (&json, '}');
      fputs (text->str, out);
      return;
    }
  if (!import->is_quiet && strcmp (state, NOTHING) == 0)
    fprintf (out, "%s: %s\n", user, state);
  else if (!import->is_quiet && strcmp (state, FAILED) != 0 && report->origin == NULL)
    fprintf (out, "%s: nothing of another server: %u mailboxes, %" G_GUINT64_FORMAT " messages\n", user,
             report->n_mailboxes, report->n_messages);
  else if (!import->is_quiet && strcmp (state, FAILED) != 0)
    fprintf (out,
             "%s: %s%s: %u mailboxes, %" G_GUINT64_FORMAT " messages (%" G_GUINT64_FORMAT
             " keep their UID), %" G_GUINT64_FORMAT " keywords, %" G_GUINT64_FORMAT
             " subscriptions, %" G_GUINT64_FORMAT " saved unique ids\n",
             user, import->is_dry ? "would be taken over from " : "taken over from ", report->origin,
             report->n_mailboxes, report->n_messages, report->n_uids, report->n_keywords,
             report->n_subscriptions, report->n_unique_ids);
}

static int
take_over_user (const Import *import, const char *user, const char *path, FILE *out)
{
  const SatchelStorageOps *ops = import->driver->ops;
  const SatchelStorageIdentity identity = { .user = user, .path = path, .root_fd = import->root_fd };
  Report report = { .mailboxes = g_string_new (NULL), .problems = g_ptr_array_new_with_free_func (g_free) };
  report.json.out = report.mailboxes;
  g_autoptr (GError) error = NULL;
  gboolean ok =
      !SATCHEL_HAS (ops, examine) || ops->examine (&identity, import->section, note_problem, &report, &error);
  /* A user who never had mail has nothing that could be lost. */
  gboolean is_nothing = !ok && g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT);
  if (is_nothing && import->known != NULL
      && !g_ptr_array_find_with_equal_func (import->known, user, g_str_equal, NULL))
    g_ptr_array_add (report.problems,
                     g_strdup ("no password database knows this user, and there is no mail of this name"));
  ok = ok && (import->is_dry || open_all (import, user, path, &report, &error));
  if (!ok && !is_nothing)
    g_ptr_array_add (report.problems, g_strdup (error->message));
  print_report (import, user, &report,
                is_nothing       ? NOTHING
                : !ok            ? FAILED
                : import->is_dry ? "examined"
                                 : "taken over",
                out);
  for (guint i = 0; i < report.problems->len; i++)
    satchel_cli_fail (SATCHEL_EXIT_FAILED, "%s: %s", user, (const char *) report.problems->pdata[i]);
  int status = report.problems->len == 0 ? SATCHEL_EXIT_OK : SATCHEL_EXIT_FAILED;
  g_string_free (report.mailboxes, TRUE);
  g_ptr_array_unref (report.problems);
  g_free (report.origin);
  return status;
}

static int
work_in_child (const Import *import, const char *user)
{
  const char *at = strrchr (user, '@');
  g_autofree char *path = g_strdup_printf ("%s/%.*s", at + 1, (int) (at - user), user);
  fflush (NULL);
  pid_t pid = fork ();
  if (pid < 0)
    return satchel_cli_fail (SATCHEL_EXIT_FAILED, "%s: no process can be started for this user: %s", user,
                             g_strerror (errno));
  if (pid == 0)
    {
      setpgid (0, 0); /* so that ^C reaches the command alone, which stops between two users */
      if (import->uid != 0
          && (setgroups (0, NULL) != 0 || setgid (import->gid) != 0 || setuid (import->uid) != 0))
        _exit (satchel_cli_fail (SATCHEL_EXIT_NOPERM, "%s: the command cannot run as the mail user: %s", user,
                                 g_strerror (errno)));
      int status = take_over_user (import, user, path, stdout);
      fflush (stdout);
      _exit (status);
    }
  int status;
  while (waitpid (pid, &status, 0) < 0)
    if (errno != EINTR)
      return SATCHEL_EXIT_FAILED;
  if (WIFSIGNALED (status))
    return satchel_cli_fail (SATCHEL_EXIT_SOFTWARE,
                             "%s: the import of this user was ended by signal %d; other users follow", user,
                             WTERMSIG (status));
  return WEXITSTATUS (status);
}

static gboolean
ask_server (const Import *import, const char *what, const char *user)
{
  const char *argv[] = { what, user, NULL };
  g_autoptr (GError) error = NULL;
  guint status = 0;
  gboolean is_answered = satchel_control_call (
      &(SatchelControlCall) { .run_dir = import->run_dir, .argv = argv }, &status, &error);
  /* A user whom the server does not know has no session and gets no mail, so there is nothing to release. */
  if (is_answered && (status == 0 || status == SATCHEL_EXIT_NO_USER))
    return TRUE;
  satchel_cli_fail (SATCHEL_EXIT_FAILED, "%s: the server did not %s the user%s%s", user, what,
                    error != NULL ? ": " : "", error != NULL ? error->message : "");
  return FALSE;
}

static int
import_user (const Import *import, const char *user)
{
  gboolean is_released = import->run_dir != NULL && !import->is_dry;
  if (is_released && !ask_server (import, "release", user))
    return SATCHEL_EXIT_FAILED;
  int status = work_in_child (import, user);
  if (is_released && !ask_server (import, "adopt", user))
    return satchel_cli_fail (SATCHEL_EXIT_FAILED, "%s is still released; run `satchel adopt %s`", user, user);
  return status;
}

static int
find_driver (Import *import)
{
  SatchelCli *cli = import->cli;
  SatchelStackSettings stack;
  satchel_stack_settings_read (satchel_config_set_group (cli->set, "storage"), &stack);
  const char *name = stack.driver;
  g_autoptr (GPtrArray) drivers = satchel_loader_find_all (cli->loader, SATCHEL_KIND_STORAGE_DRIVER);
  import->driver = name != NULL        ? satchel_loader_find (cli->loader, SATCHEL_KIND_STORAGE_DRIVER, name)
                   : drivers->len == 1 ? drivers->pdata[0]
                                       : NULL;
  if (import->driver == NULL)
    return satchel_cli_fail (SATCHEL_EXIT_CONFIG,
                             "no storage driver is enabled, or more than one; see storage.driver");
  if (import->driver->module->schema != NULL)
    import->section = satchel_config_set_group (cli->set, import->driver->module->name);
  return SATCHEL_EXIT_OK;
}

static int
find_mail_user (Import *import)
{
  const char *name = import->server.mail_user;
  guint64 number;
  if (getuid () != 0)
    return SATCHEL_EXIT_OK;
  const struct passwd *entry = NULL;
  if (name != NULL && g_ascii_string_to_unsigned (name, 10, 1, G_MAXUINT32 - 1, &number, NULL))
    import->uid = import->gid = (guint) number;
  else if (name != NULL && (entry = getpwnam (name)) != NULL && entry->pw_uid != 0)
    {
      import->uid = entry->pw_uid;
      import->gid = entry->pw_gid;
    }
  else
    return satchel_cli_fail (SATCHEL_EXIT_CONFIG, "server.mail_user: there is no account \"%s\"",
                             name != NULL ? name : "");
  return SATCHEL_EXIT_OK;
}

/* Takes the lock of the mail root, or finds the running server that has it. */
static int
open_root (Import *import)
{
  const char *root = import->server.mail_root;
  g_autoptr (GError) error = NULL;
  import->root_fd = open (root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (import->root_fd < 0)
    return satchel_cli_fail (SATCHEL_EXIT_IO, "server.mail_root: %s: %s", root, g_strerror (errno));
  import->lock_fd = import->is_dry ? -1 : satchel_root_lock (import->root_fd, &error);
  if (error == NULL)
    return SATCHEL_EXIT_OK;
  if (!g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_INUSE))
    return satchel_cli_fail_error (error);
  const char *argv[] = { "status", NULL };
  g_autoptr (GError) unavailable = NULL;
  guint status;
  import->run_dir = import->server.run_dir;
  const SatchelControlCall call = { .run_dir = import->run_dir, .argv = argv };
  if (satchel_control_call (&call, &status, &unavailable))
    return SATCHEL_EXIT_OK;
  return satchel_cli_fail (SATCHEL_EXIT_UNAVAILABLE, "%s, and it does not answer on its control socket: %s",
                           error->message, unavailable->message);
}

static int
import_all (Import *import, const GPtrArray *users)
{
  int worst = SATCHEL_EXIT_OK;
  gboolean shows_progress = users->len > 1 && isatty (STDERR_FILENO);
  const struct sigaction action = { .sa_handler = note_interrupt };
  sigaction (SIGINT, &action, NULL);
  sigaction (SIGTERM, &action, NULL);
  if (import->as_json)
    fputs ("[", stdout);
  for (guint i = 0; i < users->len && !is_interrupted; i++)
    {
      if (shows_progress)
        fprintf (stderr, "\r%u of %u\033[K", i + 1, users->len);
      if (import->as_json && i > 0)
        fputs (",", stdout);
      int status = import_user (import, users->pdata[i]);
      worst = MAX (worst, status);
    }
  if (shows_progress)
    fputs ("\r\033[K", stderr);
  if (import->as_json)
    puts ("]");
  if (is_interrupted)
    return satchel_cli_fail (SATCHEL_EXIT_FAILED, "interrupted; run it again for the users that are left");
  return worst;
}

/* Options of the two kinds of import are not mixed. */
static int
check_options (const SatchelCli *cli, gboolean has_path)
{
  static const char *const of_path[] = { "--into",      "--format", "--mbox-variant", "--layout",
                                         "--keep-uids", "--again",  "--throttle",     NULL },
                           *const of_users[] = { "--all", "--quiet", NULL };
  for (const char *const *name = has_path ? of_users : of_path; *name != NULL; name++)
    if (satchel_cli_option (cli, *name) != NULL)
      return satchel_cli_fail (
          SATCHEL_EXIT_USAGE,
          has_path ? "%s cannot be used with a path"
                   : "%s needs a path behind the user; a path has a '/', such as ./FILE, or is -",
          *name);
  return SATCHEL_EXIT_OK;
}

static int
take_over (SatchelCli *cli)
{
  Import import = { .cli = cli,
                    .root_fd = -1,
                    .lock_fd = -1,
                    .is_dry = satchel_cli_option (cli, "--dry-run") != NULL,
                    .as_json = satchel_cli_option (cli, "--json") != NULL,
                    .is_quiet = satchel_cli_option (cli, "--quiet") != NULL };
  g_autoptr (GPtrArray) users = g_ptr_array_new_with_free_func (g_free);
  int exit = satchel_cli_setup (cli);
  if (exit != SATCHEL_EXIT_OK || (exit = satchel_cli_start_modules (cli)) != SATCHEL_EXIT_OK)
    return exit;
  import.server = satchel_cli_server_settings (cli->set);
  if ((exit = satchel_cli_find_users (cli, users, &import.known)) == SATCHEL_EXIT_OK
      && (exit = find_driver (&import)) == SATCHEL_EXIT_OK
      && (exit = find_mail_user (&import)) == SATCHEL_EXIT_OK
      && (exit = open_root (&import)) == SATCHEL_EXIT_OK)
    exit = import_all (&import, users);
  satchel_fd_clear (&import.lock_fd);
  satchel_fd_clear (&import.root_fd);
  g_clear_pointer (&import.known, g_ptr_array_unref);
  satchel_loader_stop (cli->loader);
  return exit;
}

int
satchel_cli_import (SatchelCli *cli)
{
  const gboolean has_path = satchel_cli_is_path (satchel_cli_argument (cli, 1));
  int exit = check_options (cli, has_path);
  if (exit != SATCHEL_EXIT_OK)
    return exit;
  if (has_path && satchel_cli_argument (cli, 2) != NULL)
    return satchel_cli_fail (SATCHEL_EXIT_USAGE, "one user and one path are imported at a time");
  return has_path ? satchel_cli_import_files (cli) : take_over (cli);
}
