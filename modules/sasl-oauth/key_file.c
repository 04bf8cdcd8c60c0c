/* SPDX-License-Identifier: MIT
 * This file gets the keys for each token: it looks at the file's status, and reads the file if that has
 * changed.
 */
#include "key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/retry.h>
#include <sys/stat.h>

static GMutex lock;
static GPtrArray *keys;
static struct stat status; /* status of the file from which the keys are */

static gboolean
is_same (const struct stat *now)
{
  return now->st_dev == status.st_dev && now->st_ino == status.st_ino && now->st_size == status.st_size
         && now->st_mtim.tv_sec == status.st_mtim.tv_sec && now->st_mtim.tv_nsec == status.st_mtim.tv_nsec
         && now->st_ctim.tv_sec == status.st_ctim.tv_sec && now->st_ctim.tv_nsec == status.st_ctim.tv_nsec;
}

/* Reads the whole file, and puts a NUL after it; NULL with @error. */
static char *
read_all (int fd, gsize *ret_len, GError **error)
{
  g_autofree char *text = g_malloc (OAUTH_KEY_FILE_MAX + 1);
  gsize len = 0;
  ssize_t n = 1;
  while (n > 0 && len < OAUTH_KEY_FILE_MAX)
    {
      n = SATCHEL_RETRY (read (fd, text + len, OAUTH_KEY_FILE_MAX - len));
      len += n > 0 ? (gsize) n : 0;
    }
  text[len] = '\0';
  *ret_len = len;
  if (n == 0)
    return g_steal_pointer (&text);
  if (n < 0)
    satchel_error_set_errno (error, errno, "it cannot be read");
  else
    satchel_error_set (error, SATCHEL_ERROR_LIMIT, "it is longer than %u bytes", OAUTH_KEY_FILE_MAX);
  return NULL;
}

static GPtrArray *
read_keys (int fd, GError **error)
{
  gsize len;
  g_autofree char *text = read_all (fd, &len, error);
  return text != NULL ? oauth_keys_parse (text, len, error) : NULL;
}

static GPtrArray *
load (const char *path, GError **error)
{
  struct stat now;
  int fd = SATCHEL_RETRY (open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (fd < 0)
    {
      satchel_error_set_errno (error, errno, "it cannot be opened");
      return NULL;
    }
  GPtrArray *fresh = NULL;
  if (fstat (fd, &now) != 0)
    satchel_error_set_errno (error, errno, "its size cannot be found (fstat)");
  else if (keys != NULL && is_same (&now))
    fresh = g_ptr_array_ref (keys);
  else if ((fresh = read_keys (fd, error)) != NULL)
    status = now;
  satchel_close (fd);
  return fresh;
}

GPtrArray *
oauth_key_file_get (const char *path, GError **error)
{
  g_mutex_lock (&lock);
  GPtrArray *fresh = load (path, error);
  g_clear_pointer (&keys, g_ptr_array_unref);
  keys = fresh != NULL ? g_ptr_array_ref (fresh) : NULL;
  g_mutex_unlock (&lock);
  if (fresh == NULL)
    g_prefix_error (error, "sasl-oauth.key_file: %s: ", path);
  return fresh;
}

void
oauth_key_file_clear (void)
{
  g_clear_pointer (&keys, g_ptr_array_unref);
}
