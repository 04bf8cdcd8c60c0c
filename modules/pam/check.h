/* SPDX-License-Identifier: MIT
 * One login, asked of PAM in a process of its own: modules of PAM change what belongs to the process.
 */
#pragma once
#include "settings.h"

#include <satchel/source.h>

/* Checks a login. @name is the user as PAM knows him. *ret_why says, for the log, why it is not RIGHT; the
 * caller frees it. ERROR means that PAM cannot tell. */
SatchelVerify pam_check (const PamSettings *settings, const char *name, const SatchelSourceLogin *login,
                         char **ret_why);
/* Says whether there is an account of this system, as `first_uid` has it. FALSE with @error means that it
 * cannot be told. */
gboolean pam_check_account (const PamSettings *settings, const char *name, GError **error);
