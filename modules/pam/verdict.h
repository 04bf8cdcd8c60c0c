/* SPDX-License-Identifier: MIT
 * Declares what PAM's answers mean for a login. Pure.
 */
#pragma once
#include <satchel/auth.h>

typedef enum
{
  PAM_STEP_START = 0,
  PAM_STEP_AUTHENTICATE, /* pam_authenticate */
  PAM_STEP_ACCOUNT       /* pam_acct_mgmt */
} PamStep;

/* Says what a code of PAM means.  RIGHT is success alone, WRONG is what stays so until the user or an
 * administrator changes it, and ERROR is everything else, unknown codes included.  *ret_why is a static text
 * for the log. */
SatchelVerify pam_verdict (PamStep step, int code, const char **ret_why);
