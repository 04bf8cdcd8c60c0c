/* SPDX-License-Identifier: MIT
 * Declares the administrator's command: a table of commands, one file for each group of them, and the tables
 * that enabled modules bring. main.c parses the command line against them; setup.c reads the configuration
 * and loads modules for those that need them.
 */
#pragma once
#include <satchel/admin.h>

#include "core/base/exit.h"
#include "core/runtime/config/core_settings.h"
#include "core/runtime/loader/loader.h"

typedef struct SatchelCli SatchelCli;

typedef struct SatchelCliOption
{
  const char *name;  /* the option as it is typed: "--json" */
  const char *value; /* the word for its value in help, "NAME"; NULL: it takes none */
  const char *help;
} SatchelCliOption;

typedef struct SatchelCliCommand
{
  const char *group; /* first word of the command, "user"; NULL: the name is the only word */
  const char *name;
  const char *arguments; /* words for its arguments in help, "NAME" */
  guint min_arguments, max_arguments;
  const char *help;                /* a sentence of one line */
  const char *details;             /* further text for --help; may be NULL */
  const SatchelCliOption *options; /* the last one has a NULL name; may be NULL */
  int (*run) (SatchelCli *cli);
  /* The module's command behind this row; NULL: a command of satchel itself. */
  const SatchelAdminCommand *admin;
} SatchelCliCommand;

/* The commands of satchel itself stand in the order of the help text. The last row has a NULL name. */
extern const SatchelCliCommand satchel_cli_commands[];
extern const SatchelCliOption satchel_cli_globals[]; /* options of all commands */

struct SatchelCli
{
  const SatchelCliCommand *command;
  /* the command that was typed, if `command` is the part of it that the server runs; else NULL */
  const SatchelCliCommand *typed;
  gboolean names_user; /* each error begins with the user's name, since the command line has several users */
  gboolean is_of_many; /* the command runs for several users, and one end of the output follows the last */
  gboolean is_cut_off; /* there is no server, or it did not answer, so it is not asked for other users */
  const SatchelCliOption *globals; /* options of all commands */
  /* SatchelCliCommand: satchel's own; those of modules follow once somebody has asked for them. */
  GPtrArray *commands;
  GPtrArray *modules_commands; /* commands of modules, owned; NULL: they have not been asked for */
  const char *config_dir, *defaults_dir, *module_dir; /* `module_dir` NULL: the configured one */
  GPtrArray *overrides;                               /* values of --set, NULL-ended */
  GHashTable *options;                                /* "--json" -> its value; "" if the option has none */
  GPtrArray *arguments;                               /* NULL-ended */
  SatchelLoader *loader;                              /* set by satchel_cli_load */
  SatchelConfigSet *set;
  const int *channel_fd; /* the channel that the server's command gets; NULL: none */
};

/* Returns the value of the option @name, borrowed; "" if the option has none, and NULL if it was not
 * given. */
const char *satchel_cli_option (const SatchelCli *cli, const char *name);
const char *satchel_cli_argument (const SatchelCli *cli, guint index);
/* Writes "satchel: TEXT\n" to standard error, and returns @exit. */
int satchel_cli_fail (SatchelExit exit, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* Writes the text of @error, and returns the exit status that fits its code. */
int satchel_cli_fail_error (const GError *error);
/* Does the same for an error of control_client.h, and says who may ask the server if it let nobody in. */
int satchel_cli_fail_to_ask (const GError *error);

/* setup.c has these. */
/* Reads the configuration. `loader` then has every module that it names, enabled or not, loaded in role
 * config. FALSE means that the configuration cannot be used. */
gboolean satchel_cli_load (SatchelCli *cli, GPtrArray *problems);
/* Reads the core's own groups as far as they can be understood, and loads no module. The result is yours,
 * never NULL. */
SatchelConfigSet *satchel_cli_load_core (const SatchelCli *cli);
/* Returns the settings of group `server` of @set, whose texts are borrowed. */
SatchelServerSettings satchel_cli_server_settings (const SatchelConfigSet *set);
/* Returns @name as LOCAL@DOMAIN, by the rules of @set; the caller frees it. NULL means that it is no user
 * name; then the reason was printed, and *ret_exit is set. */
char *satchel_cli_user_name (const SatchelConfigSet *set, const char *name, int *ret_exit);
void satchel_cli_print_problems (const GPtrArray *problems);
/* Prints the problems of the configuration, for commands that only need a correct one.  Returns 0 or an exit
 * status. */
int satchel_cli_setup (SatchelCli *cli);
/* May be called after satchel_cli_setup: `loader` then has role cli, with the enabled modules configured and
 * started. Returns 0, or an exit status after it has printed the reason. */
int satchel_cli_start_modules (SatchelCli *cli);

/* users.c: appends the users of the arguments, or with --all those of the password databases, to @users
 * (g_free). *ret_known (or NULL): all that databases know, yours; NULL if one of them cannot list its users.
 * For --all and *ret_known after satchel_cli_start_modules.  Returns 0, or an exit status after it has
 * printed the reason. */
int satchel_cli_find_users (SatchelCli *cli, GPtrArray *users, GPtrArray **ret_known);

/* modules.c has these. */
/* Adds the commands of enabled modules to `commands`, once. FALSE means that the configuration has mistakes,
 * so the commands of modules are not known. */
gboolean satchel_cli_add_modules_commands (SatchelCli *cli);
/* Returns the installed module that is not enabled and has the commands of @group, which nobody else has;
 * NULL means that there is none. Call it after satchel_cli_add_modules_commands. */
const char *satchel_cli_module_of_group (SatchelCli *cli, const char *group);
/* Returns the commands of one module, as if it were enabled. The caller frees the array and what it points
 * at. */
GPtrArray *satchel_cli_commands_of (const SatchelModule *module);

/* Each runs the commands of one group. */
int satchel_cli_config_check (SatchelCli *cli);
int satchel_cli_config_dump (SatchelCli *cli);
int satchel_cli_config_defaults (SatchelCli *cli);
int satchel_cli_module_list (SatchelCli *cli);
int satchel_cli_module_info (SatchelCli *cli);
int satchel_cli_module_manual (SatchelCli *cli);
int satchel_cli_admin (SatchelCli *cli);
/* Says whether a command of a module may run for all users, whose numbers are added up then. */
gboolean satchel_cli_sums (const SatchelAdminCommand *admin);
/* Says whether it may run for the users of a domain. */
gboolean satchel_cli_by_domain (const SatchelAdminCommand *admin);
/* Has the server run @command for @user ("" for a command without user) with @words ("OPTION=VALUE",
 * NULL-ended), and prints its output.  Returns the exit status. */
int satchel_cli_run_there (SatchelCli *cli, const SatchelCliCommand *command, const char *user,
                           GPtrArray *words);
/* Returns the options of the command line that the server's @command has as well, as "OPTION=VALUE"; yours.
 */
GPtrArray *satchel_cli_words (const SatchelCli *cli, const SatchelAdminCommand *command);
/* Has the server run @row for each user that the command line names, or for all (--all).  Returns the worst
 * exit status. */
int satchel_cli_run_for_users (SatchelCli *cli, const SatchelCliCommand *row);
/* Draws @text on standard output, which is a terminal; does nothing where satchel was built without
 * libqrencode. */
void satchel_cli_print_qr (const char *text);
int satchel_cli_user_add (SatchelCli *cli);
int satchel_cli_user_passwd (SatchelCli *cli);
int satchel_cli_user_del (SatchelCli *cli);
int satchel_cli_user_list (SatchelCli *cli);
int satchel_cli_user_show (SatchelCli *cli);
int satchel_cli_user_lock (SatchelCli *cli);
int satchel_cli_user_unlock (SatchelCli *cli);
int satchel_cli_user_place (SatchelCli *cli);
int satchel_cli_server (SatchelCli *cli);
int satchel_cli_import (SatchelCli *cli);
int satchel_cli_convert (SatchelCli *cli);
int satchel_cli_export (SatchelCli *cli);
int satchel_cli_fsck (SatchelCli *cli);
int satchel_cli_completion (SatchelCli *cli);
int satchel_cli_auth_test (SatchelCli *cli);
int satchel_cli_auth_throttle (SatchelCli *cli);

/* password.c: reads a password from the terminal, twice and without echo, or as one line of standard input.
 * Free it with satchel_secret_free. NULL means that the reason was printed, and *ret_exit is set. */
char *satchel_cli_read_password (gboolean from_stdin, const char *user, int *ret_exit);
/* Reads a password that exists already in the same way, but asks for it only once. */
char *satchel_cli_read_present_password (gboolean from_stdin, const char *user, int *ret_exit);

/* defaults.c has these. */
typedef enum
{
  SATCHEL_DEFAULTS_FILE = 0, /* a commented file as it is installed */
  SATCHEL_DEFAULTS_TEMPLATE, /* the same, with @state_dir@ and the like, for conf.d/ of the source tree */
  SATCHEL_DEFAULTS_MANUAL    /* mdoc(7) for satchel.conf(5) */
} SatchelDefaultsForm;
/* Appends the facts of @row: "number, 1 to 10; default 3". */
void satchel_cli_append_facts (const SatchelConfigRow *row, GString *out);
/* Appends @text as a line of mdoc(7). */
void satchel_cli_append_mdoc (const char *text, GString *out);
void satchel_cli_write_defaults (const char *group, const char *help, const SatchelConfigRow *rows,
                                 gboolean is_module, SatchelDefaultsForm form, GString *out);
