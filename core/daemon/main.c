/* SPDX-License-Identifier: MIT
 * This file starts satcheld: one program, every process of the server.  Without --role it is master.
 */
#include "config.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/exit.h"
#include "core/base/sanitized.h"
#include "core/daemon/options.h"
#include "core/daemon/role/role_private.h"

/* Returns the path that /proc/self/exe named at the start; after an upgrade the next build is found by that
 * path. */
static char *
own_path (void)
{
  g_autofree char *path = g_file_read_link ("/proc/self/exe", NULL);
  if (path == NULL)
    return g_strdup (SATCHEL_SBIN_DIR "/satcheld");
  if (g_str_has_suffix (path, " (deleted)"))
    path[strlen (path) - strlen (" (deleted)")] = '\0';
  return g_steal_pointer (&path);
}

static char *
make_absolute (char *path, const char *fallback)
{
  g_autofree char *given = path != NULL ? path : g_strdup (fallback);
  return g_canonicalize_filename (given, NULL);
}

static gboolean
parse_options (SatchelOptions *options, int *argc, char ***argv, GError **error)
{
  const GOptionEntry entries[] = {
    { "config-dir", 'c', 0, G_OPTION_ARG_FILENAME, &options->config_dir,
      "Directory of satchel.conf and conf.d", "DIR" },
    { "defaults-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->defaults_dir,
      "Directory of the packages' defaults", "DIR" },
    { "module-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->module_dir,
      "Directory of modules, instead of server.module_dir", "DIR" },
    { "set", 's', 0, G_OPTION_ARG_STRING_ARRAY, &options->sets,
      "A setting that overrides all files (may be repeated)", "GROUP.SETTING=VALUE" },
    { "pid-file", 0, 0, G_OPTION_ARG_FILENAME, &options->pid_file,
      "File that gets the process id when the server is ready", "FILE" },
    { "foreground", 0, 0, G_OPTION_ARG_NONE, &options->foreground,
      "Accepted and ignored: the server never detaches", NULL },
    { "check", 0, 0, G_OPTION_ARG_NONE, &options->check, "Check the configuration and exit (78: mistakes)",
      NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options->json, "With --check: print what it finds as one JSON object",
      NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, &options->version, "Print the version and exit", NULL },
    { "role", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_STRING, &options->role,
      "Only the master process uses this", "ROLE" },
    { "slot", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_INT, &options->slot, "Only the master process uses this",
      "N" },
    { NULL }
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("- mail-store server");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (*argc > 1)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                              "satcheld takes no argument \"%s\"; see satcheld --help", (*argv)[1]);
  if (options->json && !options->check)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "--json works with --check only; add --check");
  options->config_dir = make_absolute (options->config_dir, SATCHEL_CONF_DIR);
  options->defaults_dir = make_absolute (options->defaults_dir, SATCHEL_DEFAULTS_DIR);
  if (options->module_dir != NULL)
    options->module_dir = make_absolute (options->module_dir, NULL);
  if (options->pid_file != NULL)
    options->pid_file = make_absolute (options->pid_file, NULL);
  options->program = own_path ();
  return TRUE;
}

/* Runs a role. Only master starts roles, and it leaves a socket on descriptor 3. */
static int
run_role (const SatchelOptions *options)
{
  struct stat st;
  if (fstat (3, &st) != 0 || !S_ISSOCK (st.st_mode) || options->slot < 0
      || options->slot >= (int) SATCHEL_SLOTS_MAX)
    {
      fprintf (stderr, "satcheld: --role is used by the master process only\n");
      return SATCHEL_EXIT_USAGE;
    }
  const SatchelRoleRow *row = satchel_role_by_name (options->role);
  if (row != NULL && (row->traits & SATCHEL_TRAIT_PROCESS) != 0)
    return satchel_role_main (row->role, (guint) options->slot);
  if (row != NULL && row->role == SATCHEL_ROLE_CONFIG)
    return satchel_config_role_main (options);
  fprintf (stderr, "satcheld: there is no role \"%s\"\n", options->role);
  return SATCHEL_EXIT_USAGE;
}

/* Ends the process of a role. The leak check of a sanitizer needs ptrace, for which the sandbox ends the
 * process that makes it, and waits for that process without end: roles end without it. */
static int
end_role (int status)
{
  if (!satchel_is_sanitized ())
    return status;
  fflush (NULL);
  _exit (status);
}

int
main (int argc, char **argv)
{
  static SatchelOptions options;
  g_autoptr (GError) error = NULL;
  setlocale (LC_ALL, "C.UTF-8");
  if (!parse_options (&options, &argc, &argv, &error))
    {
      fprintf (stderr, "satcheld: %s\n", error->message);
      return SATCHEL_EXIT_USAGE;
    }
  if (options.version)
    {
      printf ("satcheld %s\n", PACKAGE_VERSION);
      return 0;
    }
  return options.role != NULL ? end_role (run_role (&options)) : satchel_master_main (&options);
}
