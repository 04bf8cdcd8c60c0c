/* SPDX-License-Identifier: MIT
 * Declares files that are read, written or replaced whole, and directories that are read in bulk.
 */
#pragma once
#include <satchel/storage.h>
#include <sys/uio.h>

/* A directory is remembered as it was seen last. */
typedef struct MdStamp
{
  guint64 ino;
  gint64 sec;
  gint64 nsec;
} MdStamp;

gboolean md_write_all (int fd, const void *data, gsize len, GError **error); /* the caller adds the name */
gboolean md_pwrite_all (int fd, const void *data, gsize len, guint64 offset, const char *what,
                        GError **error);
/* Does the same of several pieces; @parts is changed. */
gboolean md_pwritev_all (int fd, struct iovec *parts, guint n, guint64 offset, const char *what,
                         GError **error);
/* Reads a small regular file whole. NULL with NONEXISTENT, or with CORRUPT if it has more than @max bytes. */
GByteArray *md_read_file (int dirfd, const char *name, gsize max, GError **error);
/* Says of an error of reading a file that there is none, or a damaged one, so that one may be made anew. Any
 * other is of the machine: the file may be readable again next time, and what it holds must not be lost. */
gboolean md_file_is_lost (const GError *error);
/* Opens a regular file to read and write; a symbolic link is refused. */
int md_open_file (int dirfd, const char *name, GError **error);
/* Replaces a file by way of a temporary one. @durable: the file and the directory are synced. */
gboolean md_replace_file (int dirfd, const char *name, const void *data, gsize len, gboolean durable,
                          GError **error);
/* Does the same, but does not sync the directory. */
gboolean md_make_file (int dirfd, const char *name, const void *data, gsize len, gboolean durable,
                       GError **error);
int md_open_dir (int dirfd, const char *name, gboolean create, GError **error);
/* Opens "", "cur" or "A/B/new": opened level by level, so that no symbolic link is followed. */
int md_open_path (int dirfd, const char *path, gboolean create, GError **error);
gboolean md_stamp_of (int fd, MdStamp *ret, GError **error);
gboolean md_stamp_equal (const MdStamp *a, const MdStamp *b);
/* Takes an entry of a directory.  @type is d_type of readdir(3). */
typedef void (*MdEntryFunc) (const char *name, gsize len, guint8 type, gpointer data);
/* Calls @func for each entry, "." and ".." among them. */
gboolean md_read_dir (int dirfd, MdEntryFunc func, gpointer data, GError **error);
