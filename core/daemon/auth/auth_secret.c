/* SPDX-License-Identifier: MIT
 * Implements the secret of this installation, STATE_DIR/auth/secret: made once, so that what is derived from
 * it outlives restarts. A file that is there is never replaced: modules keep keyed hashes that only it can
 * check.
 */
#include "config.h"

#include "core/base/fd.h"
#include "core/daemon/auth/auth.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <satchel/log.h>
#include <satchel/retry.h>
#include <string.h>
#include <stdio.h>
#include <unistd.h>

#define NAME "secret"
#define NEW_NAME "secret.new"

/* Reads the secret from its file.  *ret_is_there says whether there is a file, even one that cannot be read.
 * */
static gboolean
read_secret (int root_fd, guint8 bytes[SATCHEL_DERIVED_BYTES], gboolean *ret_is_there)
{
  int fd = SATCHEL_RETRY (openat (root_fd, NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  *ret_is_there = fd >= 0 || errno != ENOENT;
  if (fd < 0)
    return FALSE;
  gssize len = SATCHEL_RETRY (read (fd, bytes, SATCHEL_DERIVED_BYTES));
  if (len >= 0 && len != SATCHEL_DERIVED_BYTES)
    errno = EBADMSG;
  int failed = errno;
  close (fd);
  errno = failed;
  return len == SATCHEL_DERIVED_BYTES;
}

static gboolean
write_secret (int root_fd, guint8 bytes[SATCHEL_DERIVED_BYTES])
{
  if (gnutls_rnd (GNUTLS_RND_KEY, bytes, SATCHEL_DERIVED_BYTES) < 0)
    return FALSE;
  (void) unlinkat (root_fd, NEW_NAME, 0);
  int fd =
      SATCHEL_RETRY (openat (root_fd, NEW_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (fd < 0)
    return FALSE;
  gboolean ok = SATCHEL_RETRY (write (fd, bytes, SATCHEL_DERIVED_BYTES)) == SATCHEL_DERIVED_BYTES
                && SATCHEL_RETRY (fsync (fd)) == 0;
  close (fd);
  return ok && renameat (root_fd, NEW_NAME, root_fd, NAME) == 0 && SATCHEL_RETRY (fsync (root_fd)) == 0;
}

void
satchel_auth_load_secret (int root_fd)
{
  guint8 bytes[SATCHEL_DERIVED_BYTES];
  gboolean is_there;
  if (root_fd < 0)
    return;
  if (read_secret (root_fd, bytes, &is_there) || (!is_there && write_secret (root_fd, bytes)))
    satchel_auth_set_secret (bytes);
  else
    satchel_log (SATCHEL_LOG_ERROR, "auth",
                 "the file %s in the state directory of auth cannot be %s (%s): secrets that modules keep, "
                 "such as app "
                 "passwords, cannot be checked, and SCRAM may show after a restart which users exist; %s",
                 NAME, is_there ? "read" : "made", g_strerror (errno),
                 is_there ? "restore it from a backup" : "look at the directory's rights and room");
  explicit_bzero (bytes, sizeof bytes);
}
