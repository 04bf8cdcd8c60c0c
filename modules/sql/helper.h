/* SPDX-License-Identifier: MIT
 * Between auth and the helper.  A request is one of these words and a name; a reply:
 * - "user": the columns of the user's row, name and value in turn; those that are NULL are left out; nothing:
 *   there is no such user.  A row without values has the one text "".
 * - "address": the users or addresses; nothing: it is unknown.
 */
#pragma once
#include "database.h"

#define SQL_NAME "sql"
#define SQL_ASK_USER "user"
#define SQL_ASK_ADDRESS "address"
#define SQL_TEXTS_MAX 4096u

extern SatchelHelperOps sql_helper;
/* Before there are threads.  @section: for good.  FALSE: a query is none. */
gboolean sql_helper_configure (const SatchelConfig *section, GError **error);
/* Why it cannot work; NULL: it can. */
const char *sql_helper_trouble (void);
void sql_helper_clear (void);
