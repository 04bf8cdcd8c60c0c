/* SPDX-License-Identifier: MIT
 * The half of the module that runs in the helper.  What it says of a user are the columns of the user's row,
 * name and value in turn; those that are NULL are left out.  A row without values has the one text "".
 */
#pragma once
#include "database.h"

#define SQL_NAME "sql"

extern SatchelHelperOps sql_helper;
/* Reads the settings before there are threads. @section stays for good. FALSE means that a query is none. */
gboolean sql_helper_configure (const SatchelConfig *section, GError **error);
/* Returns why the helper cannot work; NULL means that it can. */
const char *sql_helper_trouble (void);
void sql_helper_clear (void);
