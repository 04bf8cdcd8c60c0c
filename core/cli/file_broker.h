/* SPDX-License-Identifier: MIT
 * Declares how `satchel` lends a file or directory to a command that runs in the server: a thread opens what
 * the server asks for (core/runtime/ipc/ipc.h, FILES_*), below that path alone, following no symbolic links,
 * and hands over descriptors. It reads no content.
 */
#pragma once
#include <satchel/error.h>

typedef struct SatchelFileBroker SatchelFileBroker;
/* Lends @path for reading; ACCESS, NONEXISTENT, or CANNOT if it is neither a file nor a directory. */
SatchelFileBroker *satchel_file_broker_new (const char *path, GError **error);
/* Lends an open file for reading, or an open file or pipe for writing; takes @fd over. */
SatchelFileBroker *satchel_file_broker_new_fd (int fd, gboolean writes, GError **error);
/* Lends the directory @path for writing, which is made if it is missing.  @mark: one line that says what will
 * be there.  CANNOT: it is not empty, and not of an earlier run with the same mark. */
SatchelFileBroker *satchel_file_broker_new_writing (const char *path, const char *mark, GError **error);
/* Returns the server's end of the channel; borrowed. */
int satchel_file_broker_channel (const SatchelFileBroker *broker);
/* Ends the thread. */
void satchel_file_broker_free (SatchelFileBroker *broker);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelFileBroker, satchel_file_broker_free)
