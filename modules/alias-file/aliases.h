/* SPDX-License-Identifier: MIT
 * The file of aliases in memory, read again when it changed. README.md has the format. Main thread.
 */
#pragma once
#include <satchel/auth.h>

typedef struct AliasFile AliasFile;
/* @path: copied. */
AliasFile *alias_file_new (const char *path);
void alias_file_free (AliasFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AliasFile, alias_file_free)

/* FALSE: the file cannot be read, which is logged once a change. Bad lines are logged and left out. */
gboolean alias_file_refresh (AliasFile *file, GError **error);
/* For config check: FALSE with the first bad line of the file as it is now, or with the reason why it
 * cannot be read. */
gboolean alias_file_check (AliasFile *file, GError **error);
/* Adds the targets of lines for this address or its whole domain to @users; TRUE: there were some. After a
 * refresh. */
gboolean alias_file_find (AliasFile *file, const char *address, GPtrArray *users);
/* The same of lines for addresses that nobody else has: bare names, then catch-alls. */
gboolean alias_file_find_fallback (AliasFile *file, const char *address, GPtrArray *users);
/* Every address, bare name and catch-all ("*@DOMAIN") that has targets. After a refresh. */
void alias_file_list (AliasFile *file, SatchelAddressFunc func, gpointer data);
gboolean alias_file_has_domain (AliasFile *file, const char *domain);
