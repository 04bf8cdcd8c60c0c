/* SPDX-License-Identifier: MIT
 * The commands `satchel import USER PATH` and `satchel export USER PATH`: the running server does the work,
 * in the process that owns the user, on files that this process lends to it (file_broker.h), or on standard
 * input and output (standard_streams.h).
 */
#include "config.h"

#include "core/cli/cli.h"
#include "core/cli/command_transfer.h"
#include "core/cli/file_broker.h"
#include "core/cli/standard_streams.h"
#include "core/mail/tree/tree.h"
#include "core/runtime/loader/admin_options.h"
#include "core/session/transfer/export_command.h"
#include "core/session/transfer/import_command.h"

#include <string.h>

/* Lends @broker (NULL: nothing) to a command of the server, and waits for its end. */
static int
run_with (SatchelCli *cli, const SatchelCliCommand *row, const char *user, GPtrArray *words,
          const SatchelFileBroker *broker)
{
  const int channel_fd = broker != NULL ? satchel_file_broker_channel (broker) : -1;
  cli->channel_fd = &channel_fd;
  g_ptr_array_add (words, NULL);
  int exit = satchel_cli_run_there (cli, row, user, words);
  cli->channel_fd = NULL;
  return exit;
}

gboolean
satchel_cli_is_path (const char *word)
{
  return word != NULL && (strchr (word, '/') != NULL || strcmp (word, SATCHEL_PATH_OF_STREAM) == 0);
}

/* Returns the user that the command line names, and reads what of the configuration is needed; yours. */
static char *
find_user (SatchelCli *cli, int *ret_exit)
{
  cli->set = satchel_cli_load_core (cli);
  return satchel_cli_user_name (cli->set, satchel_cli_argument (cli, 0), ret_exit);
}

/* Standard input and output have one file, whose format is known then. */
static int
check_format_of_stream (const SatchelCli *cli)
{
  const char *format = satchel_cli_option (cli, "--format");
  if (format == NULL || strcmp (format, SATCHEL_FORMAT_OF_TREE) != 0)
    return SATCHEL_EXIT_OK;
  return satchel_cli_fail (SATCHEL_EXIT_USAGE,
                           "--format %s is a directory: write its path in place of " SATCHEL_PATH_OF_STREAM,
                           format);
}

/* Lends standard input. */
static SatchelFileBroker *
lend_input (GError **error)
{
  const int fd = satchel_standard_input_open (error);
  return fd >= 0 ? satchel_file_broker_new_fd (fd, FALSE, error) : NULL;
}

int
satchel_cli_import_files (SatchelCli *cli)
{
  const SatchelCliCommand row = { .group = SATCHEL_IMPORT_GROUP,
                                  .name = "run",
                                  .admin = satchel_admin_find (&satchel_import_commands, "run") };
  const char *path = satchel_cli_argument (cli, 1);
  const gboolean is_stream = strcmp (path, SATCHEL_PATH_OF_STREAM) == 0;
  int exit = is_stream ? check_format_of_stream (cli) : SATCHEL_EXIT_OK;
  g_autofree char *user = exit == SATCHEL_EXIT_OK ? find_user (cli, &exit) : NULL;
  if (user == NULL)
    return exit;
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelFileBroker) broker =
      is_stream ? lend_input (&error) : satchel_file_broker_new (path, &error);
  if (broker == NULL)
    return satchel_cli_fail_error (error);
  g_autoptr (GPtrArray) words = satchel_cli_words (cli, row.admin);
  g_autofree char *name =
      is_stream ? g_strdup (SATCHEL_IMPORT_NAME_OF_STREAM) : g_canonicalize_filename (path, NULL);
  g_autofree char *valid = g_utf8_make_valid (name, -1);
  g_ptr_array_add (words, g_strconcat ("name=", valid, NULL));
  return run_with (cli, &row, user, words, broker);
}

/* The line by which a later run knows that the directory is of the same export. */
static char *
make_mark (const SatchelCli *cli, const char *user)
{
  const char *format = satchel_cli_option (cli, "--format"), *since = satchel_cli_option (cli, "--since");
  return g_strdup_printf ("satchel-export 1 %s %s%s%s", format != NULL ? format : SATCHEL_FORMAT_OF_TREE,
                          user, since != NULL ? " since " : "", since != NULL ? since : "");
}

/* Exports one mailbox, or all of them. */
static int
export_one (SatchelCli *cli, const SatchelCliCommand *row, const char *user, const char *mailbox,
            const SatchelFileBroker *broker)
{
  g_autoptr (GPtrArray) words = satchel_cli_words (cli, row->admin);
  if (mailbox != NULL)
    g_ptr_array_add (words, g_strconcat ("mailbox=", mailbox, NULL));
  if (strcmp (satchel_cli_argument (cli, 1), SATCHEL_PATH_OF_STREAM) == 0)
    g_ptr_array_add (words, g_strdup ("stream=true"));
  return run_with (cli, row, user, words, broker);
}

/* Exports mailboxes to a directory. */
static int
export_to_files (SatchelCli *cli, const SatchelCliCommand *row, const char *user, const char *path)
{
  g_autofree char *mark = make_mark (cli, user);
  g_autoptr (GError) error = NULL;
  const gboolean is_dry = satchel_cli_option (cli, "--dry-run") != NULL;
  g_autoptr (SatchelFileBroker) broker = is_dry ? NULL : satchel_file_broker_new_writing (path, mark, &error);
  if (broker == NULL && !is_dry)
    return satchel_cli_fail_error (error);
  int exit =
      satchel_cli_argument (cli, 2) == NULL ? export_one (cli, row, user, NULL, broker) : SATCHEL_EXIT_OK;
  for (guint i = 2; satchel_cli_argument (cli, i) != NULL && exit != SATCHEL_EXIT_INTERRUPTED; i++)
    {
      int one = export_one (cli, row, user, satchel_cli_argument (cli, i), broker);
      exit = MAX (exit, one);
    }
  return exit;
}

/* Exports the mailbox that the command line names to standard output. */
static int
export_to_stream (SatchelCli *cli, const SatchelCliCommand *row, const char *user)
{
  const char *mailbox = satchel_cli_argument (cli, 2);
  if (mailbox == NULL || satchel_cli_argument (cli, 3) != NULL)
    return satchel_cli_fail (SATCHEL_EXIT_USAGE,
                             "standard output has one mailbox: write its name behind " SATCHEL_PATH_OF_STREAM
                             ", or a directory in place of " SATCHEL_PATH_OF_STREAM);
  if (satchel_cli_option (cli, "--dry-run") != NULL)
    return export_one (cli, row, user, mailbox, NULL);
  g_autoptr (GError) error = NULL;
  SatchelStandardOutput *output = satchel_standard_output_take (&error);
  if (output == NULL)
    return satchel_cli_fail_error (error);
  SatchelFileBroker *broker =
      satchel_file_broker_new_fd (satchel_standard_output_pipe (output), TRUE, &error);
  int exit = broker != NULL ? export_one (cli, row, user, mailbox, broker) : satchel_cli_fail_error (error);
  g_clear_pointer (&broker, satchel_file_broker_free);
  g_clear_error (&error);
  /* Nobody waits for a reader that takes nothing, or a server that may still write. */
  if (exit == SATCHEL_EXIT_INTERRUPTED || cli->is_cut_off || satchel_standard_output_finish (output, &error))
    return exit;
  return satchel_cli_fail_error (error);
}

int
satchel_cli_export (SatchelCli *cli)
{
  const SatchelCliCommand row = { .group = SATCHEL_EXPORT_GROUP,
                                  .name = "run",
                                  .admin = satchel_admin_find (&satchel_export_commands, "run") };
  const char *path = satchel_cli_argument (cli, 1);
  const gboolean is_stream = strcmp (path, SATCHEL_PATH_OF_STREAM) == 0;
  int exit = is_stream ? check_format_of_stream (cli) : SATCHEL_EXIT_OK;
  g_autofree char *user = exit == SATCHEL_EXIT_OK ? find_user (cli, &exit) : NULL;
  if (user == NULL)
    return exit;
  return is_stream ? export_to_stream (cli, &row, user) : export_to_files (cli, &row, user, path);
}
