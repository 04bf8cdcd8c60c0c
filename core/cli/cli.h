/* SPDX-License-Identifier: MIT
 * The admin's command: a table of commands, one file for each group of them, and the tables that enabled
 * modules bring.  main.c parses the command line against them; setup.c reads configuration and loads modules
 * for those that need them.
 */
#pragma once
#include <satchel/admin.h>

#include "core/base/exit.h"
#include "core/runtime/config_image.h"
#include "core/runtime/loader.h"

typedef struct SatchelCli SatchelCli;

typedef struct SatchelCliOption
{
  const char *name;  /* "--json" */
  const char *value; /* what it takes, "NAME"; NULL: nothing */
  const char *help;
} SatchelCliOption;

typedef struct SatchelCliCommand
{
  const char *group; /* "user"; NULL: the name stands alone */
  const char *name;
  const char *arguments; /* "NAME" */
  guint min_arguments, max_arguments;
  const char *help;                /* one line */
  const char *details;             /* more of it for --help; may be NULL */
  const SatchelCliOption *options; /* NULL-named end; may be NULL */
  int (*run) (SatchelCli *cli);
  const SatchelAdminCommand *admin; /* of a module; NULL: our own */
} SatchelCliCommand;

/* Our own, NULL-named end.  In order of help. */
extern const SatchelCliCommand satchel_cli_commands[];
extern const SatchelCliOption satchel_cli_globals[]; /* options of all commands */

struct SatchelCli
{
  const SatchelCliCommand *command;
  const SatchelCliOption *globals; /* options of all commands */
  GPtrArray *commands; /* SatchelCliCommand: ours, and, once it was asked for them, the modules' */
  gboolean has_modules_commands;
  const char *config_dir, *defaults_dir, *module_dir; /* module_dir NULL: what configuration says */
  GPtrArray *overrides;                               /* of --set, NULL-ended */
  GHashTable *options;                                /* "--json" -> value, or "" */
  GPtrArray *arguments;                               /* NULL-ended */
  SatchelLoader *loader;                              /* after setup */
  SatchelConfigSet *set;
};

/* Borrowed; NULL: not given ("": given, without a value). */
const char *satchel_cli_option (const SatchelCli *cli, const char *name);
const char *satchel_cli_argument (const SatchelCli *cli, guint index);
/* "satchel: TEXT\n" on standard error; returns @exit. */
int satchel_cli_fail (SatchelExit exit, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* The same for an error of ours: exit by its code. */
int satchel_cli_fail_error (const GError *error);

/* setup.c */
/* Reads the configuration; `loader` then holds every module that it names, enabled or not, loaded for a look
 * (role config).  FALSE: unusable. */
gboolean satchel_cli_load (SatchelCli *cli, GPtrArray *problems);
/* The core's own groups as far as they can be understood, without loading a module.  Yours, never NULL. */
SatchelConfigSet *satchel_cli_load_core (const SatchelCli *cli);
void satchel_cli_print_problems (const GPtrArray *problems);
/* For commands that only need it to be right: prints problems, 0 or an exit. */
int satchel_cli_setup (SatchelCli *cli);
/* After it: `loader` becomes one of role cli with the enabled modules, configured and started.  0, or an exit
 * after printing the reason. */
int satchel_cli_start_modules (SatchelCli *cli);

/* modules.c */
/* Adds the commands of enabled modules to `commands`, once.  FALSE: the configuration has mistakes, so none
 * are known. */
gboolean satchel_cli_add_modules_commands (SatchelCli *cli);
/* Those of one module, as if it were enabled.  Yours, as is what it points at. */
GPtrArray *satchel_cli_commands_of (const SatchelModule *module);

/* Groups of commands. */
int satchel_cli_config_check (SatchelCli *cli);
int satchel_cli_config_dump (SatchelCli *cli);
int satchel_cli_config_defaults (SatchelCli *cli);
int satchel_cli_module_list (SatchelCli *cli);
int satchel_cli_module_info (SatchelCli *cli);
int satchel_cli_module_manual (SatchelCli *cli);
int satchel_cli_admin (SatchelCli *cli);
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
int satchel_cli_completion (SatchelCli *cli);

/* password.c: from the terminal, twice and unseen, or one line of standard input.  satchel_secret_free. NULL:
 * the reason was printed, and *ret_exit is set. */
char *satchel_cli_read_password (gboolean from_stdin, const char *user, int *ret_exit);

/* defaults.c */
typedef enum
{
  SATCHEL_DEFAULTS_FILE = 0, /* a commented file as it is installed */
  SATCHEL_DEFAULTS_TEMPLATE, /* the same with @state_dir@ and the like: what lies in conf.d/ of the source */
  SATCHEL_DEFAULTS_MANUAL    /* mdoc(7) for satchel.conf(5) */
} SatchelDefaultsForm;
/* "number, 1 to 10; default 3" */
void satchel_cli_append_facts (const SatchelConfigRow *row, GString *out);
/* Text of an mdoc line, and a line end. */
void satchel_cli_append_mdoc (const char *text, GString *out);
void satchel_cli_write_defaults (const char *group, const char *help, const SatchelConfigRow *rows,
                                 gboolean is_module, SatchelDefaultsForm form, GString *out);
