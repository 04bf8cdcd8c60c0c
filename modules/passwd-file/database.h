/* SPDX-License-Identifier: MIT
 * The file in memory, which is read again when it has changed on disk; a look-up takes constant time. All
 * calls but passwd_database_dummy belong to the main thread.
 */
#pragma once
#include "record.h"
#include <sys/stat.h>

typedef struct PasswdDatabase PasswdDatabase;
/* @path: copied. */
PasswdDatabase *passwd_database_new (const char *path);
void passwd_database_free (PasswdDatabase *database);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PasswdDatabase, passwd_database_free)

/* Reads the file again if it has changed. FALSE: it is missing, cut off, or readable by others, so nobody
 * can log in, which is logged once for each change. */
gboolean passwd_database_refresh (PasswdDatabase *database, GError **error);
/* Call it after a refresh. NULL: there is no such user; with @error: a line of the user cannot be used,
 * or, if @minds_unknown_lines, a bad line may be the user's (mail must not bounce because a line is
 * damaged). Borrowed until the next refresh. */
const PasswdRecord *passwd_database_find (PasswdDatabase *database, const char *user,
                                          gboolean minds_unknown_lines, GError **error);
gboolean passwd_database_has_domain (PasswdDatabase *database, const char *domain);
/* A verifier whose password nobody knows, as expensive as most in the file. Any thread may call this; the
 * caller frees it. */
char *passwd_database_dummy (PasswdDatabase *database);
void passwd_database_list (PasswdDatabase *database, SatchelUserEntryFunc func, gpointer data);

/* Opens @path, checks its rights and reads it. NULL with NONEXISTENT: it is missing. A NUL follows the
 * content. */
GBytes *passwd_file_read (const char *path, struct stat *ret_status, GError **error);
/* FALSE: Satchel wrote the file and its end is missing. */
gboolean passwd_file_is_whole (const char *text, gsize len, GError **error);
