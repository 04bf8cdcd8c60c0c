/* SPDX-License-Identifier: MIT
 * Makes the directories of a server with the right owners, and opens them once. A directory that existed
 * before and is not empty never gets another owner or other rights (docs/decisions/0025).
 */
#pragma once
#include "core/daemon/plan.h"

typedef struct SatchelDirs
{
  int mail_root_fd, auth_fd, lock_fd;
} SatchelDirs;

/* Looks at RUN_DIR, STATE_DIR, STATE_DIR/auth, the mail root and the log's directory, and changes nothing.
 * Everything that satchel_dirs_prepare would refuse, or that others could tamper with, becomes a problem of
 * @plan. FALSE means that one of them is an error. */
gboolean satchel_dirs_check (SatchelPlan *plan);
/* Makes RUN_DIR, STATE_DIR, STATE_DIR/auth and the mail root, and takes the root's lock (unless lock_fd is
 * held). FALSE: something failed, and is a problem of @plan. */
gboolean satchel_dirs_prepare (SatchelDirs *dirs, SatchelPlan *plan);

typedef struct SatchelDirWanted
{
  const char *key, *origin; /* the setting that names the directory, and the file and line of that */
  const char *path;
  const char *instead; /* a value of the setting that would name a subdirectory */
  SatchelPlanIds ids;  /* the only allowed owner; uid SATCHEL_PLAN_NO_ID: any */
  guint bad_mode;      /* bits of the mode that are refused */
  guint odd_mode;      /* bits of the mode that are reported */
} SatchelDirWanted;

typedef enum
{
  SATCHEL_DIR_REFUSED = 0, /* a problem was noted */
  SATCHEL_DIR_AS_IS,
  SATCHEL_DIR_TAKE /* the directory is root's and empty, so it can be given to its owner */
} SatchelDirVerdict;

enum
{
  SATCHEL_DIR_RUN = 0,
  SATCHEL_DIR_STATE,
  SATCHEL_DIR_AUTH,
  SATCHEL_DIR_MAIL,
  SATCHEL_DIR_N
};

/* Says what is wanted of each directory.  @auth_path is STATE_DIR/auth; all texts are borrowed from @plan. */
void satchel_dirs_wanted (const SatchelPlan *plan, const char *auth_path,
                          SatchelDirWanted wanted[SATCHEL_DIR_N]);
SatchelDirVerdict satchel_dir_judge (SatchelPlan *plan, const SatchelDirWanted *wanted, int fd);
