/* SPDX-License-Identifier: MIT
 * Declares how Berkeley DB opens files here.
 */
#pragma once

/* Opens a file as open() does, and syncs its directory if the file may be new.  The library syncs a new file
 * but not the directory that has its name, and after a power cut a file system may have the one without the
 * other.  A log whose last file has no name would end before pages that were written since, so that the
 * volume could not be opened. */
int bdb_file_open (const char *path, int flags, ...);
