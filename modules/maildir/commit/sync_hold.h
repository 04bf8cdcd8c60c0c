/* SPDX-License-Identifier: MIT
 * Syncs that are put off to the end of several calls.
 */
#pragma once
#include <satchel/storage.h>

typedef struct MdStore MdStore;

/* Syncs a file or directory, or within a hold of this thread notes that it is to be synced. */
gboolean md_fsync (int fd, const char *what, GError **error);
/* Notes that the file is to be synced at the end of this thread's hold, and returns TRUE.  FALSE means that
 * there is no hold, or that the file cannot be noted: the caller syncs it. */
gboolean md_hold_file (int fd);
/* Does again the syncs that failed at the end of a hold: nothing is acknowledged before they worked. */
gboolean md_hold_settle (MdStore *store, GError **error);
void md_hold_drop (MdStore *store);
