/* SPDX-License-Identifier: MIT
 * Says what PAM's answers mean for a login.
 */
#include "verdict.h"

#include <security/pam_appl.h>

#define ANY_STEP (1u << PAM_STEP_AUTHENTICATE | 1u << PAM_STEP_ACCOUNT)

static const struct
{
  int code;
  guint steps;
  const char *why;
} refusals[] = {
  { PAM_AUTH_ERR, 1u << PAM_STEP_AUTHENTICATE, "the password is wrong" },
  { PAM_AUTH_ERR, 1u << PAM_STEP_ACCOUNT, "the account may not be used" },
  { PAM_USER_UNKNOWN, ANY_STEP, "the user is unknown" },
  { PAM_MAXTRIES, ANY_STEP, "there were too many attempts" },
  { PAM_PERM_DENIED, ANY_STEP, "access is not permitted now or from there" },
  { PAM_ACCT_EXPIRED, ANY_STEP, "the account has expired" },
  { PAM_NEW_AUTHTOK_REQD, ANY_STEP, "the password has expired and must be changed" },
  { PAM_AUTHTOK_EXPIRED, ANY_STEP, "the password has expired" },
  { PAM_CRED_EXPIRED, ANY_STEP, "the credentials have expired" },
};

SatchelVerify
pam_verdict (PamStep step, int code, const char **ret_why)
{
  *ret_why = "PAM cannot tell";
  if (code == PAM_SUCCESS)
    return SATCHEL_VERIFY_RIGHT;
  for (guint i = 0; i < G_N_ELEMENTS (refusals); i++)
    if (refusals[i].code == code && (refusals[i].steps & 1u << step) != 0)
      {
        *ret_why = refusals[i].why;
        return SATCHEL_VERIFY_WRONG;
      }
  return SATCHEL_VERIFY_ERROR;
}
