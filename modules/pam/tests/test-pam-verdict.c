/* SPDX-License-Identifier: MIT
 * What PAM's answers mean, and how users are called to it.
 */
#include "account.h"
#include "verdict.h"

#include <security/pam_appl.h>

/* Codes that say: not this user, not with this password, not now.  All others are trouble. */
static const int refusals[] = {
  PAM_AUTH_ERR,     PAM_USER_UNKNOWN,     PAM_MAXTRIES,        PAM_PERM_DENIED,
  PAM_ACCT_EXPIRED, PAM_NEW_AUTHTOK_REQD, PAM_AUTHTOK_EXPIRED, PAM_CRED_EXPIRED
};

static gboolean
is_refusal (int code)
{
  for (guint i = 0; i < G_N_ELEMENTS (refusals); i++)
    if (refusals[i] == code)
      return TRUE;
  return FALSE;
}

static void
test_codes (void)
{
  for (int code = -1; code < 200; code++)
    for (guint step = PAM_STEP_AUTHENTICATE; step <= PAM_STEP_ACCOUNT; step++)
      {
        const char *why = NULL;
        SatchelVerify verdict = pam_verdict ((PamStep) step, code, &why);
        g_assert_cmpint (verdict == SATCHEL_VERIFY_RIGHT, ==, code == PAM_SUCCESS);
        g_assert_cmpint (verdict == SATCHEL_VERIFY_WRONG, ==, is_refusal (code));
        g_assert_nonnull (why);
      }
}

/* Before anything was asked nobody is refused. */
static void
test_start (void)
{
  const char *why = NULL;
  g_assert_cmpint (pam_verdict (PAM_STEP_START, PAM_AUTH_ERR, &why), ==, SATCHEL_VERIFY_ERROR);
  g_assert_cmpint (pam_verdict (PAM_STEP_START, PAM_BUF_ERR, &why), ==, SATCHEL_VERIFY_ERROR);
}

static void
test_words (void)
{
  const char *expired = NULL, *wrong = NULL, *account = NULL;
  pam_verdict (PAM_STEP_AUTHENTICATE, PAM_AUTH_ERR, &wrong);
  pam_verdict (PAM_STEP_ACCOUNT, PAM_AUTH_ERR, &account);
  pam_verdict (PAM_STEP_ACCOUNT, PAM_ACCT_EXPIRED, &expired);
  g_assert_cmpstr (wrong, ==, "the password is wrong");
  g_assert_cmpstr (account, ==, "the account may not be used");
  g_assert_cmpstr (expired, ==, "the account has expired");
}

static void
test_names (void)
{
  static const struct
  {
    const char *user, *domain, *name;
  } rows[] = {
    { "sally@example.org", "example.org", "sally" },
    { "sally@example.org", "Example.ORG", "sally" },
    { "sally@example.org", NULL, "sally@example.org" },
    { "sally@example.net", "example.org", NULL },
    { "sally@x.example.org", "example.org", NULL },
    { "-rf@example.org", "example.org", NULL },
    { "-rf@example.org", NULL, NULL },
    { "sally", "example.org", NULL },
    { "@example.org", "example.org", NULL },
    { "a@b@example.org", "example.org", "a@b" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *name = pam_account_name (rows[i].user, rows[i].domain);
      g_assert_cmpstr (name, ==, rows[i].name);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pam/codes", test_codes);
  g_test_add_func ("/pam/start", test_start);
  g_test_add_func ("/pam/words", test_words);
  g_test_add_func ("/pam/names", test_names);
  return g_test_run ();
}
