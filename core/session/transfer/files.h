/* SPDX-License-Identifier: MIT
 * Declares files of a directory that the administrator's `satchel` lends to a command (decision 0082): it
 * opens them with its own rights, and hands over descriptors. Paths are bytes, below that directory; "" is
 * the directory itself, or the only file, if a file was lent. All calls are for the job of the command, and
 * block. Errors: CANCELLED (nobody waits for the command any more), UNAVAILABLE (`satchel` has gone), and
 * those of the system calls.
 */
#pragma once
#include <satchel/admin.h>

#define SATCHEL_FILES_PATH_MAX 4096u
#define SATCHEL_FILES_ENTRIES_MAX 2000000u /* most entries of one directory */

typedef enum
{
  SATCHEL_FILE_OTHER = 0, /* a socket, a device and the like */
  SATCHEL_FILE_REGULAR,
  SATCHEL_FILE_DIRECTORY,
  SATCHEL_FILE_LINK /* symbolic links are not followed */
} SatchelFileKind;

typedef struct SatchelFileEntry
{
  SatchelFileKind kind;
  guint64 size;
  gint64 mtime_s;
  char name[]; /* bytes of a name; NUL-ended */
} SatchelFileEntry;

typedef struct SatchelFiles SatchelFiles;
/* Makes the channel's end.  CANNOT: the command came without files. */
SatchelFiles *satchel_files_new (SatchelAdminCall *call, GError **error);
void satchel_files_free (SatchelFiles *files);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SatchelFiles, satchel_files_free)

/* Returns the entries of a directory, sorted by bytes: SatchelFileEntry; yours.  LIMIT: there are too many.
 */
GPtrArray *satchel_files_list (SatchelFiles *files, const char *path, GError **error);
/* Returns an entry of such a list, or NULL. */
const SatchelFileEntry *satchel_files_find (const GPtrArray *entries, const char *name);
/* Returns a descriptor of a regular file, to be read; yours. */
int satchel_files_open (SatchelFiles *files, const char *path, GError **error);
/* Reads a file that has at most @max bytes.  NONEXISTENT: it is not there. */
GBytes *satchel_files_read (SatchelFiles *files, const char *path, gsize max, GError **error);
/* Returns a descriptor of a new file, to be written; yours. */
int satchel_files_create (SatchelFiles *files, const char *path, GError **error);
gboolean satchel_files_make_dir (SatchelFiles *files, const char *path, GError **error);
/* Gives a file that was written its name.  @mtime_s: its time, or G_MAXINT64. */
gboolean satchel_files_rename (SatchelFiles *files, const char *from, const char *to, gboolean replaces,
                               gint64 mtime_s, GError **error);
gboolean satchel_files_remove (SatchelFiles *files, const char *path, GError **error);
/* Makes all that was written durable. */
gboolean satchel_files_sync (SatchelFiles *files, GError **error);
/* Returns "DIR/NAME", or NAME if @dir is ""; yours. */
char *satchel_files_path (const char *dir, const char *name);
