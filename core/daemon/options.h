/* SPDX-License-Identifier: MIT
 * Declares the command line of satcheld.
 */
#pragma once
#include <satchel/error.h>

typedef struct SatchelOptions
{
  char *config_dir, *defaults_dir, *module_dir, *pid_file;
  char **sets; /* "group.setting=VALUE", NULL-ended, or NULL */
  gboolean check, json, version, foreground;
  char *role; /* NULL: this process is master */
  int slot;
  char *program; /* the file this process runs, for executing it again */
} SatchelOptions;

/* Runs role config. Returns the exit status: 0, or 78 (EX_CONFIG) if the configuration has mistakes. */
int satchel_config_role_main (const SatchelOptions *options);
/* Runs the server. Returns the exit status. */
int satchel_master_main (SatchelOptions *options);
