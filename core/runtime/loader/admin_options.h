/* SPDX-License-Identifier: MIT
 * Declares options of admin commands (<satchel/admin.h>). The same checks are made by `satchel`, where a
 * command is typed, and by the process that runs it.
 */
#pragma once
#include <satchel/admin.h>
#include <satchel/module.h>

#include "core/runtime/config/config_image.h"

/* Checks the admin commands that a module provides, for the loader. @who: names the module in errors. */
gboolean satchel_admin_check_table (const SatchelModule *module, const SatchelProvides *provides,
                                    const char *who, GError **error);
/* Says whether the command runs in auth.  A table of an older module may end before the member. */
gboolean satchel_admin_is_in_auth (const SatchelAdminCommand *command);
/* Returns the option that a word of the command line sets, or NULL. */
const SatchelConfigRow *satchel_admin_operand (const SatchelAdminCommand *command);
/* Finds a command by name; NULL means that there is none. */
const SatchelAdminCommand *satchel_admin_find (const SatchelAdminOps *ops, const char *name);
/* Parses @words, NULL-ended: "NAME=VALUE" each, "NAME=" for a BOOL. Yours (satchel_admin_options_free).
 * NULL: INVALID, with a text for the administrator. */
SatchelConfig *satchel_admin_parse_options (const SatchelAdminCommand *command, const char *const *words,
                                            GError **error);
void satchel_admin_options_free (SatchelConfig *options);
