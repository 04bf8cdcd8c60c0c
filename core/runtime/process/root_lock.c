/* SPDX-License-Identifier: MIT
 * Locks a mail root by flock on a file in it. The file has the pid of the holder, for messages only.
 */
#include "config.h"

#include "core/runtime/process/root_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/number.h>
#include <satchel/retry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <satchel/log.h>

/* No domain begins with a dot, so no directory of a domain can have this name. */
#define LOCK_NAME ".satchel-lock"

int
satchel_root_lock (int root_fd, GError **error)
{
  int fd = SATCHEL_RETRY (
      openat (root_fd, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600));
  if (fd < 0)
    {
      satchel_error_set_errno (error, errno, "the lock of the mail root cannot be taken");
      return -1;
    }
  char text[32] = "";
  const char *at = text;
  guint32 pid = 0;
  if (SATCHEL_RETRY (flock (fd, LOCK_EX | LOCK_NB)) != 0)
    {
      int saved = errno;
      gssize n = SATCHEL_RETRY (pread (fd, text, sizeof text - 1, 0));
      text[MAX (n, 0)] = '\0';
      close (fd);
      (void) satchel_number_take_u32 (&at, NULL, G_MAXINT, &pid);
      if (saved == EWOULDBLOCK)
        satchel_error_set (error, SATCHEL_ERROR_INUSE,
                           "the mail root is in use by process %u; stop that one first", pid);
      else
        satchel_error_set_errno (error, saved, "the lock of the mail root cannot be taken");
      return -1;
    }
  /* The lock file belongs to the owner of the mail root, who may be the one to start the server next. */
  struct stat root;
  if (geteuid () == 0 && fstat (root_fd, &root) == 0 && root.st_uid != 0
      && fchown (fd, root.st_uid, root.st_gid) != 0)
    satchel_log (SATCHEL_LOG_WARNING, "server",
                 "the lock of the mail root could not be given to its owner: %s", g_strerror (errno));
  int len = snprintf (text, sizeof text, "%d\n", (int) getpid ());
  if (SATCHEL_RETRY (ftruncate (fd, 0)) != 0 || SATCHEL_RETRY (pwrite (fd, text, (size_t) len, 0)) != len)
    {
      /* A full disk is no reason not to serve the mail that exists. */
      satchel_log (SATCHEL_LOG_WARNING, "server",
                   "the pid could not be written into the lock of the mail root: %s", g_strerror (errno));
    }
  return fd;
}
