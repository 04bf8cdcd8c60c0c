/* SPDX-License-Identifier: MIT
 * Declares the server's own admin command "import run", which reads files that `satchel import` lends to it.
 */
#pragma once
#include <satchel/admin.h>

/* The name of a source that has none: its mail goes to INBOX, if nothing else is said. */
#define SATCHEL_IMPORT_NAME_OF_STREAM "standard input"
#define SATCHEL_IMPORT_GROUP "import"
extern const SatchelAdminOps satchel_import_commands;
