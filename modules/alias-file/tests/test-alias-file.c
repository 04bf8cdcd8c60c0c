/* SPDX-License-Identifier: MIT
 * This program tests module alias-file through its public tables.
 */
#include "core/runtime/config/config_image.h"
#include "core/runtime/log/log_private.h"
#include "core/base/user.h"
#include "tests/lib/auth-ask.h"

#include <glib/gstdio.h>
#include <satchel/module.h>
#include <string.h>
#include <sys/stat.h>

static char *directory, *path;
static const SatchelModule *module;
static const SatchelUserdbOps *userdb, *fallback;
static GString *logged;
static SatchelConfigSet *set;

static void
collect_log (SatchelLogLevel level, const char *area, const char *message)
{
  g_string_append_printf (logged, "%s\n", message);
}

static void
set_up (const char *content)
{
  directory = g_dir_make_tmp ("satchel-alias-XXXXXX", NULL);
  path = g_build_filename (directory, "aliases", NULL);
  if (content != NULL)
    {
      g_assert_true (g_file_set_contents (path, content, -1, NULL));
      g_assert_cmpint (g_chmod (path, 0644), ==, 0);
    }
  g_autoptr (GError) error = NULL;
  g_autofree char *text = g_strdup_printf ("path = \"%s\";", path);
  set = satchel_config_set_from_text (module->name, module->schema, text, &error);
  g_assert_no_error (error);
  g_string_truncate (logged, 0);
  g_assert_true (module->configure (satchel_config_set_group (set, module->name), NULL));
}

static void
tear_down (void)
{
  module->stop ();
  g_unlink (path);
  g_assert_cmpint (g_rmdir (directory), ==, 0);
  g_free (directory);
  g_free (path);
  g_clear_pointer (&set, satchel_config_set_free);
}

/* Looks up an address.  Returns its targets joined by spaces, "-" if it is unknown, "!" if that is not known
 * now. */
static char *
find (const SatchelUserdbOps *ops, const char *address)
{
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) users = ask_texts (ops, SATCHEL_CALL_RESOLVE, address, &error);
  return error != NULL ? g_strdup ("!") : users == NULL ? g_strdup ("-") : g_strjoinv (" ", users);
}

#define EXPECT(ops, address, expected)                                                                       \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    g_autofree char *found = find (ops, address);                                                            \
    g_assert_cmpstr (found, ==, expected);                                                                   \
  }                                                                                                          \
  G_STMT_END

static void
test_example (void)
{
  g_autofree char *example =
      g_build_filename (g_getenv ("SATCHEL_SRCDIR"), "modules/alias-file/aliases.example", NULL);
  g_autofree char *content = NULL;
  g_assert_true (g_file_get_contents (example, &content, NULL, NULL));
  set_up (content);
  g_assert_true (module->check (satchel_config_set_group (set, module->name), NULL));
  EXPECT (userdb, "info@example.com", "alice@example.com");
  EXPECT (userdb, "sales@example.com", "alice@example.com bob@example.com");
  EXPECT (userdb, "bob@example.com", "bob@example.com archive@example.com");
  EXPECT (userdb, "any@example.org", "any@example.com");
  EXPECT (userdb, "postmaster@example.com", "-");
  EXPECT (fallback, "postmaster@example.com", "alice@example.com");
  EXPECT (fallback, "any@example.net", "bob@example.com");
  EXPECT (fallback, "any@example.com", "-");
  static const char *const domains[] = { "example.com", "example.net", "example.org" };
  for (guint i = 0; i < G_N_ELEMENTS (domains); i++)
    g_assert_true (userdb->has_domain (domains[i]));
  g_assert_false (userdb->has_domain ("example.edu"));
  g_assert_true (userdb->flags & SATCHEL_USERDB_ALIASES);
  g_assert_cmpuint (userdb->band, <, 500);
  g_assert_cmpuint (fallback->band, >, 500);
  tear_down ();
}

static void
test_forms (void)
{
  set_up ("  Info@X :  Alice@X ,bare  \r\ninfo@x: third@x\ndomain  Only.Example\n#no@x: a@x");
  EXPECT (userdb, "info@x", "alice@x bare@example.org third@x");
  EXPECT (userdb, "no@x", "-");
  g_assert_true (userdb->has_domain ("only.example"));
  g_assert_cmpstr (logged->str, ==, "");
  tear_down ();
}

static void
test_bad_lines (void)
{
  set_up ("good@x: a@x\n"
          "no colon\n"         /* line 2 has no colon */
          "a@x:\n"             /* line 3 has no target */
          "b@x: ok@x, ../up\n" /* line 4 is left out as a whole */
          "@: c@x\n"           /* 5 */
          "@same: @same\n"     /* 6 */
          "domain a/b\n");     /* 7 */
  EXPECT (userdb, "good@x", "a@x");
  EXPECT (userdb, "b@x", "-");
  for (guint line = 2; line <= 7; line++)
    {
      g_autofree char *where = g_strdup_printf ("%s:%u: ", path, line);
      g_assert_nonnull (strstr (logged->str, where));
    }
  g_autoptr (GError) error = NULL;
  g_assert_false (module->check (satchel_config_set_group (set, module->name), &error));
  g_autofree char *first = g_strdup_printf ("%s:2: ", path);
  g_assert_true (g_str_has_prefix (error->message, first));
  tear_down ();
}

static void
test_change_and_trouble (void)
{
  set_up ("a@x: b@x\n");
  EXPECT (userdb, "a@x", "b@x");
  g_assert_true (g_file_set_contents (path, "a@x: c@x\n", -1, NULL));
  EXPECT (userdb, "a@x", "c@x");
  g_assert_cmpint (g_chmod (path, 0666), ==, 0);
  EXPECT (userdb, "a@x", "!");
  g_autofree char *advice = g_strdup_printf ("chmod go-w %s", path);
  g_assert_nonnull (strstr (logged->str, advice));
  g_unlink (path);
  EXPECT (userdb, "a@x", "!");
  EXPECT (fallback, "a@x", "!");
  g_assert_true (g_file_set_contents (path, "a@x: d@x\n", -1, NULL));
  EXPECT (userdb, "a@x", "d@x");
  tear_down ();
}

static void
look_up_in_changed_file (const char *address, gpointer data)
{
  guint *n = data;
  g_autofree char *content = g_strdup_printf (
      "%u@example.org: anna@example.org\n@example.net: anna@example.org\nnew: anna@example.org\n", ++*n);
  g_assert_true (g_file_set_contents (path, content, -1, NULL));
  g_assert_cmpint (g_chmod (path, 0644), ==, 0);
  g_autofree char *found = find (userdb, address);
  g_assert_cmpstr (found, !=, "!");
}

/* `satchel config check` looks up each address while it lists them, and the file may change in between. */
static void
test_change_while_listed (void)
{
  set_up (
      "a@example.org: anna@example.org\nb@example.org: anna@example.org\nc@example.org: anna@example.org\n"
      "postmaster: anna@example.org\n@example.net: anna@example.org\n");
  guint n = 0;
  userdb->list_aliases (look_up_in_changed_file, &n);
  g_assert_cmpuint (n, ==, 5);
  tear_down ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  logged = g_string_new (NULL);
  satchel_log_divert (collect_log);
  satchel_user_set_rules ("example.org", TRUE);
  module = satchel_module ();
  userdb = module->provides[0].ops;
  fallback = module->provides[1].ops;
  g_test_add_func ("/auth/alias-file/example", test_example);
  g_test_add_func ("/auth/alias-file/forms", test_forms);
  g_test_add_func ("/auth/alias-file/bad-lines", test_bad_lines);
  g_test_add_func ("/auth/alias-file/change-and-trouble", test_change_and_trouble);
  g_test_add_func ("/auth/alias-file/change-while-listed", test_change_while_listed);
  int status = g_test_run ();
  g_string_free (logged, TRUE);
  return status;
}
