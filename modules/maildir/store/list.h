/* SPDX-License-Identifier: MIT
 * Declares how directories of the store are found that are mailboxes, or lead to some.
 */
#pragma once
#include <satchel/storage.h>

typedef struct MdStore MdStore;

gboolean md_folder_exists (MdStore *store, const char *dir);
gboolean md_folder_has_children (MdStore *store, const char *dir);
gboolean md_folder_is_below (MdStore *store, const char *dir, const char *parent);
/* Returns names of directories, by layout. @stamps: NULL, or an array of md_list_stamps_new that gets the
 * stamps of all directories that were read. */
GPtrArray *md_folder_dirs (MdStore *store, GArray *stamps, GError **error);
GArray *md_list_stamps_new (void);
