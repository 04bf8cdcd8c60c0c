/* SPDX-License-Identifier: MIT
 * Declares the file of aliases in memory, which is read again when it has changed. README.md has its format.
 * Main thread only.
 */
#pragma once
#include <satchel/auth.h>

typedef struct AliasFile AliasFile;
/* Makes the state of a file, which is read by the first refresh. @path is copied. */
AliasFile *alias_file_new (const char *path);
void alias_file_free (AliasFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AliasFile, alias_file_free)

/* Reads the file again if it has changed.  FALSE means that it cannot be read, which is logged once for each
 * change of the file.  Bad lines are logged and left out. */
gboolean alias_file_refresh (AliasFile *file, GError **error);
/* Checks the file for `satchel config check`. FALSE means that it is not good; @error has its first bad line,
 * or the reason why it cannot be read. */
gboolean alias_file_check (AliasFile *file, GError **error);
/* Adds the targets of lines for this address or its whole domain to @users, and says whether there were some.
 * Call it after a refresh. */
gboolean alias_file_find (AliasFile *file, const char *address, GPtrArray *users);
/* Adds the targets of lines that apply to addresses which no user has: bare names, then catch-alls.  Says
 * whether there were some. */
gboolean alias_file_find_fallback (AliasFile *file, const char *address, GPtrArray *users);
/* Calls @func for every address, bare name and catch-all ("*@DOMAIN") that has targets. Call it after a
 * refresh. */
void alias_file_list (AliasFile *file, SatchelAddressFunc func, gpointer data);
gboolean alias_file_has_domain (AliasFile *file, const char *domain);
