/* SPDX-License-Identifier: MIT
 * Options of admin commands (<satchel/admin.h>): the same checks where they are typed and where they are
 * carried out.
 */
#pragma once
#include <satchel/admin.h>
#include <satchel/module.h>

#include "core/runtime/config_image.h"

/* The loader's look at what a module provides.  @who: for the error. */
gboolean satchel_admin_check_table (const SatchelModule *module, const SatchelProvides *provides,
                                    const char *who, GError **error);
/* By name, or NULL. */
const SatchelAdminCommand *satchel_admin_find (const SatchelAdminOps *ops, const char *name);
/* @words: "NAME=VALUE" each, "NAME=" of a BOOL; NULL-ended.  NULL: INVALID, with words for the admin.  Yours
 * (satchel_admin_options_free). */
SatchelConfig *satchel_admin_parse_options (const SatchelAdminCommand *command, const char *const *words,
                                            GError **error);
void satchel_admin_options_free (SatchelConfig *options);
