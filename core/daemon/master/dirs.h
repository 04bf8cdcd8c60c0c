/* SPDX-License-Identifier: MIT
 * The directories of a server, made with the right owners and opened once.  What was there before the server
 * and holds anything is never given another owner or other rights (docs/decisions/0025).
 */
#pragma once
#include "core/daemon/plan.h"

typedef struct SatchelDirs
{
  int mail_root_fd, auth_fd, lock_fd;
} SatchelDirs;

/* Looks at RUN_DIR, STATE_DIR, STATE_DIR/auth, the mail root and the log's directory and changes nothing.
 * What satchel_dirs_prepare would refuse, and what others could meddle with, becomes a problem of @plan.
 * FALSE: an error. */
gboolean satchel_dirs_check (SatchelPlan *plan);
/* Makes RUN_DIR, STATE_DIR, STATE_DIR/auth and the mail root, takes the root's lock (unless lock_fd is held).
 * What fails becomes a problem of @plan: FALSE. */
gboolean satchel_dirs_prepare (SatchelDirs *dirs, SatchelPlan *plan);

typedef struct SatchelDirWanted
{
  const char *key, *origin; /* the setting it comes from */
  const char *path;
  const char *instead; /* the setting's value for a directory of its own */
  SatchelPlanIds ids;  /* the only owner; uid SATCHEL_PLAN_NO_ID: any owner will do */
  guint bad_mode;      /* rights that are refused */
  guint odd_mode;      /* rights that are reported */
} SatchelDirWanted;

typedef enum
{
  SATCHEL_DIR_REFUSED = 0, /* a problem was noted */
  SATCHEL_DIR_AS_IS,
  SATCHEL_DIR_TAKE /* root's and empty: to be given to its owner */
} SatchelDirVerdict;

enum
{
  SATCHEL_DIR_RUN = 0,
  SATCHEL_DIR_STATE,
  SATCHEL_DIR_AUTH,
  SATCHEL_DIR_MAIL,
  SATCHEL_DIR_N
};

/* @auth_path: STATE_DIR/auth; all borrowed from @plan. */
void satchel_dirs_wanted (const SatchelPlan *plan, const char *auth_path,
                          SatchelDirWanted wanted[SATCHEL_DIR_N]);
SatchelDirVerdict satchel_dir_judge (SatchelPlan *plan, const SatchelDirWanted *wanted, int fd);
