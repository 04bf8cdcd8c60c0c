/* SPDX-License-Identifier: MIT
 * Tables of admin commands: what the loader refuses, and options against their rows.
 */
#include "config.h"

#include <satchel/admin.h>
#include <string.h>

#include "core/runtime/loader/admin_options.h"
#include "core/runtime/loader/loader.h"

static gboolean
run (SatchelAdminCall *call, GError **error)
{
  return TRUE;
}

/* ---- tables ---- */

/* NULL: taken; else what the loader says. */
static char *
refusal (const SatchelAdminCommand *command, const char *group, guint roles)
{
  const SatchelAdminCommand *const commands[] = { command, NULL };
  const SatchelAdminOps ops = { sizeof ops, commands };
  const SatchelProvides provides[] = { { SATCHEL_KIND_ADMIN, group, &ops }, { 0 } };
  const SatchelModule module = { SATCHEL_MODULE_FACTS, .name = "toy",    .version = "1",
                                 .description = "d",   .licence = "MIT", .roles = roles,
                                 .provides = provides };
  g_autoptr (SatchelLoader) loader = satchel_loader_new (SATCHEL_ROLE_CLI, NULL);
  g_autoptr (GError) error = NULL;
  if (satchel_loader_add (loader, &module, FALSE, &error))
    return NULL;
  return g_strdup (error->message);
}

static void
assert_refused (const SatchelAdminCommand *command, const char *group, guint roles, const char *part)
{
  g_autofree char *said = refusal (command, group, roles);
  g_assert_nonnull (said);
  if (strstr (said, part) == NULL)
    g_error ("\"%s\" does not say \"%s\"", said, part);
}

static void
test_table (void)
{
  const SatchelAdminCommand good = { sizeof good, "count", "Count", NULL, NULL, FALSE, run };
  g_assert_null (refusal (&good, NULL, SATCHEL_ROLE_MAIL));
  g_assert_null (refusal (&good, "other", SATCHEL_ROLE_MAIL));
  assert_refused (&good, NULL, SATCHEL_ROLE_AUTH, "needs the role mail");
  SatchelAdminCommand in_auth = good;
  in_auth.in_auth = TRUE;
  g_assert_null (refusal (&in_auth, NULL, SATCHEL_ROLE_AUTH));
  assert_refused (&in_auth, NULL, SATCHEL_ROLE_MAIL, "needs the role auth");
  assert_refused (&good, "Other", SATCHEL_ROLE_MAIL, "a name of small letters");
  SatchelAdminCommand bad = good;
  bad.run = NULL;
  assert_refused (&bad, NULL, SATCHEL_ROLE_MAIL, "not complete");
  bad = good;
  bad.name = "-count";
  assert_refused (&bad, NULL, SATCHEL_ROLE_MAIL, "not complete");
  bad = good;
  bad.size = 8;
  assert_refused (&bad, NULL, SATCHEL_ROLE_MAIL, "not complete");
}

static void
assert_row_refused (const SatchelConfigRow *row)
{
  const SatchelConfigRow rows[] = { *row, { NULL } };
  const SatchelAdminCommand command = { sizeof command, "count", "Count", NULL, rows, FALSE, run };
  g_autofree char *part = g_strdup_printf ("the option \"%s\"", row->key);
  assert_refused (&command, NULL, SATCHEL_ROLE_MAIL, part);
}

static void
test_rows (void)
{
  assert_row_refused (&(SatchelConfigRow) { "json", SATCHEL_CONFIG_BOOL, "false", "taken" });
  assert_row_refused (&(SatchelConfigRow) { "config-dir", SATCHEL_CONFIG_STRING, NULL, "taken" });
  assert_row_refused (&(SatchelConfigRow) { "dry_run", SATCHEL_CONFIG_BOOL, "false", "no such letter" });
  assert_row_refused (&(SatchelConfigRow) { "list", SATCHEL_CONFIG_STRINGS, NULL, "no such type" });
  assert_row_refused (
      &(SatchelConfigRow) { "secret", SATCHEL_CONFIG_SECRET, NULL, "seen in the list of processes" });
  assert_row_refused (&(SatchelConfigRow) { "yes", SATCHEL_CONFIG_BOOL, "true", "cannot be switched off" });
  assert_row_refused (&(SatchelConfigRow) { "n", SATCHEL_CONFIG_INT, "7", "its default is not in its range",
                                            .min = 1, .max = 3 });
  SatchelConfigRow rows[SATCHEL_ADMIN_OPTIONS_MAX + 2] = { 0 };
  for (guint i = 0; i <= SATCHEL_ADMIN_OPTIONS_MAX; i++)
    rows[i] = (SatchelConfigRow) { "x", SATCHEL_CONFIG_INT, NULL, "one of many" };
  const SatchelAdminCommand command = { sizeof command, "count", "Count", NULL, rows, FALSE, run };
  assert_refused (&command, NULL, SATCHEL_ROLE_MAIL, "the option \"x\"");
  rows[SATCHEL_ADMIN_OPTIONS_MAX] = (SatchelConfigRow) { NULL };
  g_assert_null (refusal (&command, NULL, SATCHEL_ROLE_MAIL));
}

/* ---- options ---- */

static const SatchelConfigRow rows[] = {
  { "dry-run", SATCHEL_CONFIG_BOOL, "false", "Change nothing" },
  { "limit", SATCHEL_CONFIG_INT, "10", "At most", .min = 1, .max = 100 },
  { "age", SATCHEL_CONFIG_DURATION, NULL, "Older than", .flags = SATCHEL_CONFIG_REQUIRED },
  { "what", SATCHEL_CONFIG_ENUM, "all", "Which", .choices = "all|some" },
  { "name", SATCHEL_CONFIG_STRING, NULL, "Of which" },
  { NULL }
};
static const SatchelAdminCommand command = { sizeof command, "count", "Count", NULL, rows, FALSE, run };

static void
test_options (void)
{
  g_autoptr (GError) error = NULL;
  SatchelConfig *options =
      satchel_admin_parse_options (&command, (const char *const[]) { "age=2h", NULL }, &error);
  g_assert_no_error (error);
  g_assert_false (satchel_config_bool (options, "dry-run"));
  g_assert_cmpint (satchel_config_int (options, "limit"), ==, 10);
  g_assert_cmpint (satchel_config_duration_ms (options, "age"), ==, 7200000);
  g_assert_cmpstr (satchel_config_string (options, "what"), ==, "all");
  g_assert_null (satchel_config_string (options, "name"));
  satchel_admin_options_free (options);
  options = satchel_admin_parse_options (
      &command, (const char *const[]) { "dry-run=", "limit=100", "age=1d", "what=some", "name=a=b", NULL },
      &error);
  g_assert_no_error (error);
  g_assert_true (satchel_config_bool (options, "dry-run"));
  g_assert_cmpint (satchel_config_int (options, "limit"), ==, 100);
  g_assert_cmpstr (satchel_config_string (options, "what"), ==, "some");
  g_assert_cmpstr (satchel_config_string (options, "name"), ==, "a=b");
  satchel_admin_options_free (options);
}

static void
assert_wrong (const char *word, const char *part)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (
      satchel_admin_parse_options (&command, (const char *const[]) { "age=1d", word, NULL }, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_INVALID);
  if (strstr (error->message, part) == NULL)
    g_error ("%s: \"%s\" does not say \"%s\"", word, error->message, part);
}

static void
test_mistakes (void)
{
  g_autoptr (GError) error = NULL;
  assert_wrong ("limit=101", "--limit: 101 is out of range");
  assert_wrong ("limit=many", "write a whole number");
  assert_wrong ("limit=", "write a whole number");
  assert_wrong ("what=none", "not a choice");
  assert_wrong ("nothing=1", "--nothing: no such option");
  assert_wrong ("limit", "no such option");
  assert_wrong ("", "no such option");
  assert_wrong ("dry-run=maybe", "true or false");
  g_assert_null (satchel_admin_parse_options (&command, (const char *const[]) { "limit=1", NULL }, &error));
  g_assert_cmpstr (error->message, ==, "--age is missing: Older than");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/admin/table/commands", test_table);
  g_test_add_func ("/admin/table/rows", test_rows);
  g_test_add_func ("/admin/options/taken", test_options);
  g_test_add_func ("/admin/options/mistakes", test_mistakes);
  return g_test_run ();
}
