/* SPDX-License-Identifier: MIT
 * The directories of a server, made with the right owners and opened once.
 */
#pragma once
#include "core/daemon/plan.h"

typedef struct SatchelDirs
{
  int mail_root_fd, auth_fd, lock_fd;
} SatchelDirs;

/* Makes RUN_DIR, STATE_DIR, STATE_DIR/auth and the mail root, takes the root's lock (unless lock_fd is held).  What
 * fails becomes a problem of @plan: FALSE. */
gboolean satchel_dirs_prepare (SatchelDirs *dirs, SatchelPlan *plan);
