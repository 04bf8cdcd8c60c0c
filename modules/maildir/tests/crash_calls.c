/* SPDX-License-Identifier: MIT
 * This file puts the recorded calls into the driver's table.
 */
#include "config.h"

#include "modules/maildir/files/maildir_sys.h"
#include "modules/maildir/tests/crash_calls.h"

void
crash_calls_start (int root_fd)
{
  md_sys_reset ();
  crashfs_start (root_fd);
  md_calls.openat = crashfs_openat;
  md_calls.mkdirat = crashfs_mkdirat;
  md_calls.pwrite = crashfs_pwrite;
  md_calls.pwritev = crashfs_pwritev;
  md_calls.write = crashfs_write;
  md_calls.ftruncate = crashfs_ftruncate;
  md_calls.linkat = crashfs_linkat;
  md_calls.unlinkat = crashfs_unlinkat;
  md_calls.renameat = crashfs_renameat;
  md_calls.fsync = crashfs_fsync;
  md_calls.fdatasync = crashfs_fsync;
}

static int
no_sync (int fd)
{
  return 0;
}

void
crash_calls_stop (void)
{
  md_sys_reset ();
  md_calls.fsync = md_calls.fdatasync = no_sync; /* the states are looked at one by one */
}
