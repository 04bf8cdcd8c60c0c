/* SPDX-License-Identifier: MIT
 * Filters of module ldap: a name is a value, whatever is in it (RFC 4515 3 and 4).
 */
#include "filter.h"

static void
expect (const char *text, const char *address, const char *expected)
{
  g_autofree char *filter = ldap_filter_fill (text, address);
  g_assert_cmpstr (filter, ==, expected);
}

static void
test_values (void)
{
  expect ("(mail=:user)", "anna@example.org", "(mail=anna@example.org)");
  expect ("(&(uid=:local)(dc=:domain)(x=:users))", "a@b@example.org",
          "(&(uid=a@b)(dc=example.org)(x=:users))");
  expect ("(mail=:user)", "*)(uid=*))(|(uid=*", "(mail=\\2a\\29\\28uid=\\2a\\29\\29\\28|\\28uid=\\2a)");
  expect ("(mail=:user)", "a\\2a\x01", "(mail=a\\5c2a\\01)");
  expect ("(cn:caseExactMatch:=:local)", "Lučić@x", "(cn:caseExactMatch:=Lučić)");
  /* What comes in with a value is not looked at again. */
  expect ("(mail=:user)", ":domain@x", "(mail=:domain@x)");
}

static void
test_check (void)
{
  static const char *const bad[] = {
    "", "mail=:user", "(mail=anna)", "(mail=:user", "(mail=:user))", "(uid=:users)"
  };
  g_assert_true (ldap_filter_check ("(&(mail=:user)(!(loginDisabled=TRUE)))", NULL));
  g_assert_true (ldap_filter_check ("(uid=:local)", NULL));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      g_assert_false (ldap_filter_check (bad[i], &error));
      g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_INVALID);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ldap/filter/values", test_values);
  g_test_add_func ("/ldap/filter/check", test_check);
  return g_test_run ();
}
