/* SPDX-License-Identifier: MIT
 * The file in memory: read again when it changed on disk, looked up in constant time.
 * Main thread, but for passwd_database_dummy.
 */
#pragma once
#include "record.h"
#include <sys/stat.h>

typedef struct PasswdDatabase PasswdDatabase;
/* @path: copied. */
PasswdDatabase *passwd_database_new (const char *path);
void passwd_database_free (PasswdDatabase *database);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PasswdDatabase, passwd_database_free)

/* FALSE: the file is missing, cut off, or readable by others; nobody gets in.  Logged once a change. */
gboolean passwd_database_refresh (PasswdDatabase *database, GError **error);
/* After a refresh.  NULL: not there; with @error: there is a line that is meant and cannot be used, or may be
 * meant if
 * @minds_unknown_lines (mail must not bounce because a line is damaged).  Borrowed until the next refresh. */
const PasswdRecord *passwd_database_find (PasswdDatabase *database, const char *user,
                                          gboolean minds_unknown_lines, GError **error);
gboolean passwd_database_has_domain (PasswdDatabase *database, const char *domain);
/* A verifier nobody knows the password of, priced as most of the file's are.  Any thread; free it. */
char *passwd_database_dummy (PasswdDatabase *database);
void passwd_database_list (PasswdDatabase *database, SatchelUserEntryFunc func, gpointer data);

/* Opens and reads @path with its checks of rights.  Missing: NULL with NONEXISTENT.
 * A NUL follows the content. */
GBytes *passwd_file_read (const char *path, struct stat *ret_status, GError **error);
/* FALSE: written by us and its end is missing. */
gboolean passwd_file_is_whole (const char *text, gsize len, GError **error);
