/* SPDX-License-Identifier: MIT
 * Declares the password file in memory, which is read again when it has changed on disk. A look-up takes
 * constant time. All calls but passwd_database_dummy belong to the main thread.
 */
#pragma once
#include "record.h"
#include <sys/stat.h>

typedef struct PasswdDatabase PasswdDatabase;
/* Makes the state of a file, which is read by the first refresh. @path is copied. */
PasswdDatabase *passwd_database_new (const char *path);
void passwd_database_free (PasswdDatabase *database);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PasswdDatabase, passwd_database_free)

/* Reads the file again if it has changed. FALSE means that it is missing, cut off, or readable by others, so
 * that nobody can log in, which is logged once for each change. */
gboolean passwd_database_refresh (PasswdDatabase *database, GError **error);
/* Finds a user; call it after a refresh. NULL means that there is no such user; with @error, that a line of
 * the user cannot be used or, if @minds_unknown_lines, that a bad line may be the user's (mail must not
 * bounce because a line is damaged). The record is borrowed until the next refresh. */
const PasswdRecord *passwd_database_find (PasswdDatabase *database, const char *user,
                                          gboolean minds_unknown_lines, GError **error);
gboolean passwd_database_has_domain (PasswdDatabase *database, const char *domain);
/* Returns a verifier whose password nobody knows, as expensive as most in the file. Any thread may call this;
 * the caller frees it. */
char *passwd_database_dummy (PasswdDatabase *database);
void passwd_database_list (PasswdDatabase *database, SatchelUserEntryFunc func, gpointer data);

/* Opens @path, checks its rights and reads it. NULL with NONEXISTENT means that it is missing. A NUL follows
 * the content. */
GBytes *passwd_file_read (const char *path, struct stat *ret_status, GError **error);
/* Says whether a text is complete. FALSE means that Satchel wrote the file and its end is missing. */
gboolean passwd_file_is_whole (const char *text, gsize len, GError **error);
