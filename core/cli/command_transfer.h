/* SPDX-License-Identifier: MIT
 * Declares imports from files, which share the name of a command with what command_import.c does.
 */
#pragma once
#include "core/cli/cli.h"

/* Says whether @word of a command line is a path: it has a '/', which no user's name has, or is "-". */
gboolean satchel_cli_is_path (const char *word);
int satchel_cli_import_files (SatchelCli *cli);
