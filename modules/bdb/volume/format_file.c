/* SPDX-License-Identifier: MIT
 * This file reads and writes `satchel-format`: the version of our records, and that of the library, since
 * the files of one version of Berkeley DB must not be touched by another.
 */
#include "config.h"

#include "volume/format_file.h"
#include "volume/tables.h"

#include <db.h>
#include <errno.h>
#include <fcntl.h>
#include <satchel/fd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT_FILE "satchel-format"
/* A volume of format 2 has no groups of metadata and no blocks of format 2; all else is the same. */
#define FORMAT 3u
#define FORMAT_READ 2u
#define FILE_BYTES 256u

static gboolean
has_tables (int home_fd)
{
  static const char *const files[] = BDB_TABLE_FILES;
  struct stat st;
  for (guint i = 0; i < BDB_N_TABLES; i++)
    if (fstatat (home_fd, files[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
      return TRUE;
  return fstatat (home_fd, "log.0000000001", &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static gboolean
write_format (int home_fd, GError **error)
{
  char text[FILE_BYTES];
  int n = g_snprintf (text, sizeof text, "satchel-bdb %u\nberkeley-db %d.%d\n", FORMAT, DB_VERSION_MAJOR,
                      DB_VERSION_MINOR);
  return satchel_file_replace (home_fd, FORMAT_FILE, text, (gsize) n, NULL, TRUE, error);
}

static gboolean
check_text (const char *text, const char *home, gboolean *ret_is_older, GError **error)
{
  guint format, major, minor;
  if (sscanf (text, "satchel-bdb %u\nberkeley-db %u.%u\n", &format, &major, &minor) != 3)
    return satchel_error_set (error, SATCHEL_ERROR_CORRUPT,
                              "%s/" FORMAT_FILE " cannot be read; restore it from a backup of the volume",
                              home);
  if (format > FORMAT)
    return satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE,
                              "the volume in %s has format %u, this server knows formats up to %u; nothing "
                              "was changed: start the newer server again",
                              home, format, FORMAT);
  if (format < FORMAT_READ)
    return satchel_error_set (
        error, SATCHEL_ERROR_UNAVAILABLE,
        "the volume in %s has format %u, which no release of Satchel has written; nothing "
        "was changed: convert its users with the server that wrote it",
        home, format);
  if (major != DB_VERSION_MAJOR || minor != DB_VERSION_MINOR)
    return satchel_error_set (
        error, SATCHEL_ERROR_UNAVAILABLE,
        "the volume in %s was written with Berkeley DB %u.%u, this server has %d.%d; nothing was changed: "
        "start a server with %u.%u, and convert its users to another volume",
        home, major, minor, DB_VERSION_MAJOR, DB_VERSION_MINOR, major, minor);
  *ret_is_older = format < FORMAT;
  return TRUE;
}

static gboolean
check_library (GError **error)
{
  int major, minor;
  db_version (&major, &minor, NULL);
  return (major == DB_VERSION_MAJOR && minor == DB_VERSION_MINOR)
         || satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE,
                               "bdb.so was built with Berkeley DB %d.%d, and runs with %d.%d; install the "
                               "library that it was built with",
                               DB_VERSION_MAJOR, DB_VERSION_MINOR, major, minor);
}

gboolean
bdb_format_write (const char *home, GError **error)
{
  g_auto (SatchelFd) home_fd = open (home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (home_fd < 0)
    return satchel_error_set_errno (error, errno, "the volume's directory %s cannot be opened", home);
  return write_format (home_fd, error);
}

gboolean
bdb_format_check (const char *home, GError **error)
{
  if (!check_library (error))
    return FALSE;
  g_auto (SatchelFd) home_fd = open (home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (home_fd < 0)
    return satchel_error_set_errno (error, errno, "the volume's directory %s cannot be opened", home);
  g_auto (SatchelFd) fd = openat (home_fd, FORMAT_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT && !has_tables (home_fd))
    return write_format (home_fd, error);
  if (fd < 0)
    return satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE,
                              "%s has tables, but %s/" FORMAT_FILE " cannot be read (%s), so it is not known "
                              "which version wrote them; restore that file from a backup of the volume",
                              home, home, g_strerror (errno));
  char text[FILE_BYTES];
  gssize n = satchel_fd_read_all (fd, text, sizeof text - 1);
  if (n < 0)
    return satchel_error_set_errno (error, errno, "%s/" FORMAT_FILE " cannot be read", home);
  text[n] = '\0';
  gboolean is_older = FALSE;
  /* From here on an older server is refused, since records that it cannot read may be written. */
  return check_text (text, home, &is_older, error) && (!is_older || write_format (home_fd, error));
}
