/* SPDX-License-Identifier: MIT
 * User names: what is one user, what is refused before it can become a path.
 */
#include "core/base/user.h"
#include <string.h>

static void
expect (const char *name, gssize len, gboolean lower, const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *user =
      satchel_user_normalise (name, len < 0 ? strlen (name) : (gsize) len, "example.org", lower, &error);
  g_assert_cmpstr (user, ==, expected);
  if (expected == NULL)
    g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_INVALID);
  else
    g_assert_no_error (error);
}

static void
test_accepted (void)
{
  expect ("alice", -1, TRUE, "alice@example.org");
  expect ("Alice@Example.ORG", -1, TRUE, "alice@example.org");
  expect ("Alice@Example.ORG", -1, FALSE, "Alice@Example.ORG");
  expect ("J\303\234RGEN@M\303\234NCHEN.example", -1, TRUE, "j\303\274rgen@m\303\274nchen.example");
  /* The NFD twin is the same user. */
  expect ("u\314\210@x", -1, TRUE, "\303\274@x");
  expect ("u\314\210@x", -1, FALSE, "\303\274@x");
  /* Homoglyphs (Cyrillic a) and odd characters are other users, never alice. */
  expect ("\320\260lice", -1, TRUE, "\320\260lice@example.org");
  expect ("'; --", -1, TRUE, "'; --@example.org");
  expect ("%n%s", -1, TRUE, "%n%s@example.org");
  expect ("*", -1, TRUE, "*@example.org");
  expect ("alice ", -1, TRUE, "alice @example.org");
  expect ("INFO+x@a", -1, TRUE, "info+x@a");
  expect ("...@x", -1, TRUE, "...@x");
}

static void
test_refused (void)
{
  static const char *const bad[] = { "",       "@",          "a@",     "@b",         ".",           "..",
                                     "../x",   "a/b",        ".@b",    "..@b",       "a@.",         "a@..",
                                     "a@.b",   "a@b.",       "a@b..c", "a@b@c",      "a\nb",        "a\tb",
                                     "a\177b", "a\302\205b", "\377",   "a\300\257b", "\355\240\200" };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    expect (bad[i], -1, TRUE, NULL);
  expect ("alice\0@b", 8, TRUE, NULL);
  expect ("alice\0", 6, TRUE, NULL);
  g_autofree char *huge = g_strnfill (65536, 'a');
  expect (huge, -1, TRUE, NULL);
  expect (huge, 256, TRUE, NULL);
  expect (huge, 244, TRUE, NULL); /* 244 + "@example.org" is one too many */
  g_autofree char *longest = g_strdup_printf ("%.243s@example.org", huge);
  expect (huge, 243, TRUE, longest);
}

static void
test_bare_needs_domain (void)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (satchel_user_normalise ("alice", 5, NULL, TRUE, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_INVALID);
}

static void
test_rules (void)
{
  g_autofree char *before = satchel_user_canonical ("Alice@B", 7, NULL);
  g_assert_cmpstr (before, ==, "alice@b");
  satchel_user_set_rules ("Example.org", FALSE);
  g_autofree char *kept = satchel_user_canonical ("Alice", 5, NULL);
  g_assert_cmpstr (kept, ==, "Alice@Example.org");
  satchel_user_set_rules ("Example.org", TRUE);
  g_autofree char *lowered = satchel_user_canonical ("Alice", 5, NULL);
  g_assert_cmpstr (lowered, ==, "alice@example.org");
}

static void
test_credential_clear (void)
{
  SatchelCredential credential = {
    .size = sizeof credential, .user = g_strdup ("a@b"), .verifier = g_strdup ("$x$"), .is_locked = TRUE
  };
  satchel_credential_clear (&credential);
  g_assert_null (credential.user);
  g_assert_null (credential.verifier);
  satchel_credential_clear (&credential); /* twice is harmless */
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/auth/user/accepted", test_accepted);
  g_test_add_func ("/auth/user/refused", test_refused);
  g_test_add_func ("/auth/user/bare-needs-domain", test_bare_needs_domain);
  g_test_add_func ("/auth/user/rules", test_rules);
  g_test_add_func ("/auth/user/credential-clear", test_credential_clear);
  return g_test_run ();
}
