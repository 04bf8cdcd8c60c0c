/* SPDX-License-Identifier: MIT
 * Declares the lock that keeps log files of a volume in place while a backup copies them, in this process or
 * another.
 */
#pragma once
#include <satchel/error.h>

/* Takes the lock for removing log files.  FALSE means that a backup is running. */
gboolean bdb_backup_lock_try (int home_fd);
void bdb_backup_lock_release (int home_fd);
/* Takes the lock for a backup, which holds it until the returned descriptor is closed. -1 with @error. */
int bdb_backup_lock_share (int home_fd, GError **error);
