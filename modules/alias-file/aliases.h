/* SPDX-License-Identifier: MIT
 * The file of aliases in memory, read again when it changed.  README.md has the format.  Main thread.
 */
#pragma once
#include <satchel/auth.h>

typedef struct AliasFile AliasFile;
/* @path: copied. */
AliasFile *alias_file_new (const char *path);
void alias_file_free (AliasFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AliasFile, alias_file_free)

/* FALSE: it cannot be read; logged once a change.  Bad lines are logged, the others count. */
gboolean alias_file_refresh (AliasFile *file, GError **error);
/* The first bad line of the file as it is now, or that it cannot be read; for config check. */
gboolean alias_file_check (AliasFile *file, GError **error);
/* After a refresh: of lines for this address or for its whole domain.  TRUE: added to @users. */
gboolean alias_file_find (AliasFile *file, const char *address, GPtrArray *users);
/* Of lines for what nobody else has: bare names, then catch-alls. */
gboolean alias_file_find_fallback (AliasFile *file, const char *address, GPtrArray *users);
/* After a refresh: every address, bare name and catch-all ("*@DOMAIN") with targets. */
void alias_file_list (AliasFile *file, SatchelAddressFunc func, gpointer data);
gboolean alias_file_has_domain (AliasFile *file, const char *domain);
