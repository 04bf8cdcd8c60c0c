/* SPDX-License-Identifier: MIT
 * The loader: what it refuses, with what words, and the lifecycle of what it takes (issue 2, Must show 4; catalogue X1-X7).
 */
#include "config.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <satchel/delivery.h>

#include "core/runtime/loader.h"

static char *dir;

static void
install (guint odd, const char *as)
{
  g_autofree char *source = g_strdup_printf ("%s/tests/unit/.libs/odd%u.so", g_getenv ("SATCHEL_BUILDDIR"), odd);
  g_autofree char *target = g_build_filename (dir, as, NULL);
  g_autofree char *data = NULL;
  gsize len;
  g_assert_true (g_file_get_contents (source, &data, &len, NULL));
  (void) unlink (target);
  g_assert_true (g_file_set_contents_full (target, data, (gssize) len, G_FILE_SET_CONTENTS_NONE, 0755, NULL));
  g_assert_cmpint (chmod (target, 0755), ==, 0);
}

static SatchelLoader *
new_loader (SatchelRole role)
{
  const char *dirs[] = { dir, NULL };
  return satchel_loader_new (role, dirs);
}

/* Tried and loaded as the config process does; the message must name the module and what to do. */
static void
refused (guint odd, const char *words, const char *advice)
{
  g_autofree char *name = g_strdup_printf ("odd%u", odd), *file = g_strconcat (name, ".so", NULL);
  install (odd, file);
  g_autoptr (SatchelLoader) loader = new_loader (SATCHEL_ROLE_CONFIG);
  g_autoptr (GError) error = NULL;
  gboolean ok = satchel_loader_try (loader, name, FALSE, 500, &error) && satchel_loader_load (loader, name, FALSE, &error) != NULL;
  if (ok)
    g_error ("%s was loaded", name);
  g_assert_nonnull (strstr (error->message, name));
  if (strstr (error->message, words) == NULL || strstr (error->message, advice) == NULL)
    g_error ("\"%s\" lacks \"%s\" or \"%s\"", error->message, words, advice);
  g_assert_null (satchel_loader_module (loader, name, FALSE));
}

static void
test_refusals (void)
{
  refused (1, "ABI 7", "rebuild it");
  refused (2, "crashed while it was loaded", "enabled = false");
  refused (3, "did not end within", "enabled = false");
  refused (4, "ended the process", "enabled = false");
  refused (5, "satchel_module", "no Satchel module");
  refused (6, "entry point `filter`", "ask its author");
  refused (7, "satchel_function_that_is_nowhere", "rebuild it");
  refused (8, "calls itself \"another\"", "rename");
  refused (9, "mark", "rebuild it");
}

static char *
load_error (const char *name)
{
  g_autoptr (SatchelLoader) loader = new_loader (SATCHEL_ROLE_MAIL);
  g_autoptr (GError) error = NULL;
  g_assert_null (satchel_loader_load (loader, name, FALSE, &error));
  return g_strdup (error->message);
}

static void
assert_says (const char *name, const char *words)
{
  g_autofree char *text = load_error (name);
  if (strstr (text, words) == NULL)
    g_error ("\"%s\" lacks \"%s\"", text, words);
}

static void
test_ownership (void)
{
  install (0, "odd0.so");
  g_autofree char *path = g_build_filename (dir, "odd0.so", NULL), *other = g_build_filename (dir, "other", NULL);
  g_assert_cmpint (chmod (path, 0775), ==, 0);
  assert_says ("odd0", "chmod go-w");
  g_assert_cmpint (chmod (path, 0757), ==, 0);
  assert_says ("odd0", "chmod go-w");
  g_assert_cmpint (chmod (path, 0755), ==, 0);
  g_assert_cmpint (chmod (dir, 0777), ==, 0);
  assert_says ("odd0", "chmod go-w");
  g_assert_cmpint (chmod (dir, 0755), ==, 0);
  g_assert_cmpint (rename (path, other), ==, 0);
  g_assert_cmpint (symlink ("other", path), ==, 0);
  assert_says ("odd0", "symbolic link");
  g_assert_cmpint (unlink (path), ==, 0);
  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  assert_says ("odd0", "not a regular file");
  g_assert_cmpint (unlink (path), ==, 0);
  assert_says ("odd0", "install it");
  assert_says ("../odd0", "cannot be the name");
  assert_says ("Odd", "cannot be the name");
  assert_says ("", "cannot be the name");
  if (geteuid () != 0)
    {
      g_test_skip ("a file of another owner: needs root");
      return;
    }
  install (0, "odd0.so");
  g_assert_cmpint (chown (path, 60001, 60001), ==, 0);
  assert_says ("odd0", "chown 0");
  g_assert_cmpint (chown (path, 0, 0), ==, 0);
  g_assert_cmpint (chown (dir, 60001, 60001), ==, 0);
  assert_says ("odd0", "chown 0");
  g_assert_cmpint (chown (dir, 0, 0), ==, 0);
}

static void
test_roles_and_registry (void)
{
  install (0, "odd0.so");
  install (10, "odd10.so");
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelLoader) gate = new_loader (SATCHEL_ROLE_AUTH);
  g_assert_null (satchel_loader_load (gate, "odd0", FALSE, &error));
  g_assert_nonnull (strstr (error->message, "does not run in this process"));
  g_clear_error (&error);

  g_autoptr (SatchelLoader) loader = new_loader (SATCHEL_ROLE_MAIL);
  const SatchelModule *module = satchel_loader_load (loader, "odd0", FALSE, &error);
  g_assert_no_error (error);
  g_assert_true (satchel_loader_load (loader, "odd0", FALSE, &error) == module);
  const SatchelProvided *provided = satchel_loader_find (loader, SATCHEL_KIND_DELIVERY_FILTER, "odd0");
  g_assert_nonnull (provided);
  g_assert_cmpuint (provided->band, ==, 500);
  g_assert_null (satchel_loader_find (loader, SATCHEL_KIND_PASSDB, "odd0"));
  /* Two that claim one name: the second is refused, and names the first (X6). */
  g_assert_null (satchel_loader_load (loader, "odd10", FALSE, &error));
  g_assert_nonnull (strstr (error->message, "module odd0"));
  /* A gate never maps what is not its half. */
  install (0, "odd0-gate.so");
  g_autoptr (SatchelLoader) real_gate = new_loader (SATCHEL_ROLE_GATE);
  g_clear_error (&error);
  g_assert_null (satchel_loader_load (real_gate, "odd0", TRUE, &error));
  g_assert_nonnull (strstr (error->message, "gate"));
}

static void
test_lifecycle (void)
{
  install (0, "odd0.so");
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelLoader) loader = new_loader (SATCHEL_ROLE_MAIL);
  const SatchelModule *module = satchel_loader_load (loader, "odd0", FALSE, &error);
  g_assert_nonnull (module);
  g_autoptr (SatchelConfigSet) old = satchel_config_set_from_text ("odd0", module->schema, "", &error);
  g_assert_no_error (error);
  g_autoptr (SatchelConfigSet) next = satchel_config_set_from_text ("odd0", module->schema, "refuse = true;", &error);
  g_assert_no_error (error);
  g_assert_true (satchel_loader_configure (loader, old, &error));
  g_assert_true (satchel_loader_start (loader, &error));
  for (guint i = 0; i < 1000; i++)
    g_assert_true (satchel_loader_reload (loader, old, old, &error));
  g_assert_false (satchel_loader_reload (loader, next, old, &error));
  g_assert_nonnull (strstr (error->message, "told to refuse"));
  satchel_loader_stop (loader);
}

static void
test_list (void)
{
  install (0, "odd0.so");
  install (0, "odd0-gate.so");
  g_autofree char *junk = g_build_filename (dir, "README", NULL);
  g_assert_true (g_file_set_contents (junk, "x", 1, NULL));
  g_autoptr (SatchelLoader) loader = new_loader (SATCHEL_ROLE_CLI);
  g_autoptr (GPtrArray) files = satchel_loader_list (loader);
  guint n = 0;
  for (guint i = 0; i < files->len; i++)
    {
      const SatchelModuleFile *file = g_ptr_array_index (files, i);
      g_assert_cmpstr (file->name, !=, "README");
      n += strcmp (file->name, "odd0") == 0;
    }
  g_assert_cmpuint (n, ==, 2);
  g_assert_nonnull (satchel_loader_schema ("odd0", loader));
  g_assert_null (satchel_loader_schema ("nothing", loader));
  g_assert_nonnull (satchel_loader_why_not (loader, "nothing"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_unsetenv ("SATCHEL_MODULE_PATH");
  dir = g_dir_make_tmp ("satchel-loader-XXXXXX", NULL);
  g_assert_cmpint (chmod (dir, 0755), ==, 0);
  g_test_add_func ("/loader/refusals", test_refusals);
  g_test_add_func ("/loader/ownership", test_ownership);
  g_test_add_func ("/loader/roles-and-registry", test_roles_and_registry);
  g_test_add_func ("/loader/lifecycle", test_lifecycle);
  g_test_add_func ("/loader/list", test_list);
  int status = g_test_run ();
  g_autoptr (GDir) entries = g_dir_open (dir, 0, NULL);
  const char *name;
  while ((name = g_dir_read_name (entries)) != NULL)
    {
      g_autofree char *path = g_build_filename (dir, name, NULL);
      (void) unlink (path);
    }
  (void) g_rmdir (dir);
  return status;
}
