/* SPDX-License-Identifier: MIT
 * One login, asked of PAM in a process of its own: modules of PAM change what belongs to the process.
 */
#pragma once
#include "settings.h"

#include <satchel/source.h>

/* @name: as PAM knows the user.  *ret_why: why it is not RIGHT, for the log; yours.  ERROR: PAM cannot tell.
 */
SatchelVerify pam_check (const PamSettings *settings, const char *name, const SatchelSourceLogin *login,
                         char **ret_why);
/* Is there an account of this system, as `first_uid` has it?  With @error: it cannot be told. */
gboolean pam_check_account (const PamSettings *settings, const char *name, GError **error);
