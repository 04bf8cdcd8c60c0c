/* SPDX-License-Identifier: MIT
 * Declares errors that say which path was refused, and which permission the server lacks on it.
 */
#pragma once
#include <satchel/storage.h>
#include <sys/stat.h>

typedef enum
{
  MD_ACCESS_READ,
  MD_ACCESS_WRITE,
  MD_ACCESS_CHANGE /* names in the directory are to be changed */
} MdAccess;

/* Says whether a file may be read, by owner and mode. A directory must also be searchable. */
gboolean md_may_read (const struct stat *st);
/* Sets @error from @errnum with the path of @name below @dirfd (".": the directory itself), and says of a
 * refusal which permission is missing. Returns FALSE. */
gboolean md_error_at (GError **error, int errnum, int dirfd, const char *name, MdAccess access,
                      const char *what);
/* Puts the path of @name below @dirfd before the text of @error. Returns FALSE. */
gboolean md_error_in (GError **error, int dirfd, const char *name);
