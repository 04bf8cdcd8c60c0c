/* SPDX-License-Identifier: MIT
 * The commands `satchel config check`, `dump` and `defaults`.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "core/cli/cli.h"
#include "core/base/json.h"

/* Finds satcheld beside this program, or where it was installed. */
static char *
find_server (void)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *here = g_path_get_dirname (self != NULL ? self : "/");
  char *places[] = { g_build_filename (here, "satcheld", NULL),
                     g_build_filename (here, "..", "sbin", "satcheld", NULL),
                     g_build_filename (SATCHEL_SBIN_DIR, "satcheld", NULL) };
  char *found = NULL;
  for (gsize i = 0; i < G_N_ELEMENTS (places); i++)
    if (found == NULL && g_file_test (places[i], G_FILE_TEST_IS_EXECUTABLE))
      found = places[i];
    else
      g_free (places[i]);
  return found;
}

/* Lets satcheld do the whole check, with accounts, certificates and ports, and print its JSON.  FALSE means
 * that satcheld could not be run. */
static gboolean
check_by_server (SatchelCli *cli, gboolean as_json, int *ret_exit)
{
  g_autofree char *server = find_server ();
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  g_autoptr (GError) error = NULL;
  int status;
  if (server == NULL)
    return FALSE;
  g_ptr_array_add (argv, server);
  g_ptr_array_add (argv, (gpointer) "--check");
  if (as_json)
    g_ptr_array_add (argv, (gpointer) "--json");
  g_ptr_array_add (argv, (gpointer) "--config-dir");
  g_ptr_array_add (argv, (gpointer) cli->config_dir);
  g_ptr_array_add (argv, (gpointer) "--defaults-dir");
  g_ptr_array_add (argv, (gpointer) cli->defaults_dir);
  if (cli->module_dir != NULL)
    {
      g_ptr_array_add (argv, (gpointer) "--module-dir");
      g_ptr_array_add (argv, (gpointer) cli->module_dir);
    }
  for (guint i = 0; cli->overrides->pdata[i] != NULL; i++)
    {
      g_ptr_array_add (argv, (gpointer) "--set");
      g_ptr_array_add (argv, cli->overrides->pdata[i]);
    }
  g_ptr_array_add (argv, NULL);
  fflush (stdout);
  GSpawnFlags flags =
      G_SPAWN_CHILD_INHERITS_STDIN | (as_json ? G_SPAWN_CHILD_INHERITS_STDOUT : G_SPAWN_STDOUT_TO_DEV_NULL);
  if (!g_spawn_sync (NULL, (char **) argv->pdata, NULL, flags, NULL, NULL, NULL, NULL, &status, &error))
    {
      satchel_cli_fail (SATCHEL_EXIT_SOFTWARE, "%s: %s; only the settings are checked", server,
                        error->message);
      return FALSE;
    }
  *ret_exit = WIFEXITED (status) ? WEXITSTATUS (status) : SATCHEL_EXIT_SOFTWARE;
  return TRUE;
}

static int
check_here (SatchelCli *cli, gboolean as_json)
{
  g_autoptr (GPtrArray) problems =
      g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_config_problem_free);
  gboolean ok = satchel_cli_load (cli, problems);
  if (ok)
    ok = satchel_loader_check (cli->loader, cli->set, problems);
  g_autoptr (GString) out = g_string_new (NULL);
  if (as_json)
    {
      satchel_config_problems_json (problems, cli->config_dir, ok, out);
      fputs (out->str, stdout);
    }
  else
    satchel_cli_print_problems (problems);
  return ok ? SATCHEL_EXIT_OK : SATCHEL_EXIT_CONFIG;
}

int
satchel_cli_config_check (SatchelCli *cli)
{
  int exit;
  gboolean as_json = satchel_cli_option (cli, "--json") != NULL;
  if (!check_by_server (cli, as_json, &exit))
    exit = check_here (cli, as_json);
  if (as_json)
    return exit;
  if (exit != SATCHEL_EXIT_OK)
    return satchel_cli_fail (exit, "the configuration of %s has mistakes", cli->config_dir);
  printf ("The configuration of %s is good.\n", cli->config_dir);
  return SATCHEL_EXIT_OK;
}

static void
dump_group (const SatchelCli *cli, const SatchelConfig *config, const char *name)
{
  gboolean with_origin = satchel_cli_option (cli, "--origin") != NULL;
  g_autofree const char **keys = satchel_config_keys (config);
  printf ("%s = {\n", name);
  for (const char **key = keys; *key != NULL; key++)
    {
      g_autoptr (GString) value = g_string_new (NULL);
      if (!satchel_config_is_set (config, *key))
        {
          printf ("  # %s is not set\n", *key);
          continue;
        }
      satchel_config_value_format (config, *key, 2, value);
      if (with_origin)
        printf ("  # from %s\n", satchel_config_origin (config, *key));
      printf ("  %s = %s;\n", *key, value->str);
    }
  printf ("};\n");
}

static void dump_value_json (SatchelJson *json, const SatchelConfig *config, const char *key,
                             const char *json_key);

static void
dump_strings_json (SatchelJson *json, const char *const *strings, const char *json_key)
{
  satchel_json_open (json, json_key, '[');
  for (; *strings != NULL; strings++)
    satchel_json_text (json, NULL, *strings);
  satchel_json_close (json, ']');
}

static void
dump_groups_json (SatchelJson *json, const SatchelConfig *config, const char *key, const char *json_key)
{
  satchel_json_open (json, json_key, '[');
  for (guint i = 0; i < satchel_config_n_groups (config, key); i++)
    {
      const SatchelConfig *group = satchel_config_group (config, key, i);
      g_autofree const char **keys = satchel_config_keys (group);
      satchel_json_open (json, NULL, '{');
      for (const char **inner = keys; *inner != NULL; inner++)
        dump_value_json (json, group, *inner, *inner);
      satchel_json_close (json, '}');
    }
  satchel_json_close (json, ']');
}

/* Dumps a value as a file has it, without the quotes. */
static void
dump_unquoted_json (SatchelJson *json, const SatchelConfig *config, const char *key, const char *json_key)
{
  g_autoptr (GString) text = g_string_new (NULL);
  satchel_config_value_format (config, key, 0, text);
  g_string_truncate (text, text->len - 1);
  satchel_json_text (json, json_key, text->str + 1);
}

static void
dump_value_json (SatchelJson *json, const SatchelConfig *config, const char *key, const char *json_key)
{
  if (!satchel_config_is_set (config, key))
    {
      satchel_json_text (json, json_key, NULL);
      return;
    }
  switch (satchel_config_type (config, key))
    {
    case SATCHEL_CONFIG_BOOL:
      satchel_json_bool (json, json_key, satchel_config_bool (config, key));
      break;
    case SATCHEL_CONFIG_INT:
      satchel_json_number (json, json_key, satchel_config_int (config, key));
      break;
    case SATCHEL_CONFIG_STRINGS:
      dump_strings_json (json, satchel_config_strings (config, key), json_key);
      break;
    case SATCHEL_CONFIG_GROUPS:
      dump_groups_json (json, config, key, json_key);
      break;
    case SATCHEL_CONFIG_STRING:
    case SATCHEL_CONFIG_ENUM:
    case SATCHEL_CONFIG_ENDPOINT:
      satchel_json_text (json, json_key, satchel_config_string (config, key));
      break;
    case SATCHEL_CONFIG_PATH:
      satchel_json_text (json, json_key, satchel_config_path (config, key));
      break;
    case SATCHEL_CONFIG_SIZE:
    case SATCHEL_CONFIG_DURATION:
    case SATCHEL_CONFIG_MODE:
    case SATCHEL_CONFIG_SECRET:
      dump_unquoted_json (json, config, key, json_key);
      break;
    }
}

static void
dump_group_json (const SatchelCli *cli, SatchelJson *json, const SatchelConfig *config, const char *name)
{
  gboolean with_origin = satchel_cli_option (cli, "--origin") != NULL;
  g_autofree const char **keys = satchel_config_keys (config);
  satchel_json_open (json, name, '{');
  for (const char **key = keys; *key != NULL; key++)
    if (!with_origin)
      dump_value_json (json, config, *key, *key);
    else
      {
        satchel_json_open (json, *key, '{');
        dump_value_json (json, config, *key, "value");
        satchel_json_text (json, "origin", satchel_config_origin (config, *key));
        satchel_json_close (json, '}');
      }
  satchel_json_close (json, '}');
}

static int
no_group (SatchelCli *cli, const char *wanted, const char *const *names)
{
  const char *near = satchel_suggest (wanted, names);
  if (near != NULL)
    return satchel_cli_fail (SATCHEL_EXIT_NO_USER, "%s: no such group; did you mean \"%s\"?", wanted, near);
  return satchel_cli_fail (SATCHEL_EXIT_NO_USER,
                           "%s: no such group of settings; `satchel module list` shows the modules", wanted);
}

int
satchel_cli_config_dump (SatchelCli *cli)
{
  int failed = satchel_cli_setup (cli);
  if (failed != SATCHEL_EXIT_OK)
    return failed;
  const char *wanted = satchel_cli_argument (cli, 0);
  const char *const *names = satchel_config_set_names (cli->set);
  if (wanted != NULL && satchel_config_set_group (cli->set, wanted) == NULL)
    return no_group (cli, wanted, names);
  g_autoptr (GString) out = g_string_new (NULL);
  SatchelJson json = { .out = out };
  gboolean as_json = satchel_cli_option (cli, "--json") != NULL;
  if (as_json)
    satchel_json_open (&json, NULL, '{');
  for (const char *const *name = names; *name != NULL; name++)
    if (wanted != NULL && strcmp (*name, wanted) != 0)
      continue;
    else if (as_json)
      dump_group_json (cli, &json, satchel_config_set_group (cli->set, *name), *name);
    else
      dump_group (cli, satchel_config_set_group (cli->set, *name), *name);
  if (as_json)
    {
      satchel_json_close (&json, '}');
      puts (out->str);
    }
  return SATCHEL_EXIT_OK;
}

/* Writes a group with its help: that of the core, or the description of the module. */
static gboolean
write_group (SatchelCli *cli, const char *name, SatchelDefaultsForm form, GString *out)
{
  for (const SatchelConfigSchema *schema = satchel_core_schemas; schema->group != NULL; schema++)
    if (strcmp (schema->group, name) == 0)
      {
        satchel_cli_write_defaults (name, schema->help, schema->rows, FALSE, form, out);
        return TRUE;
      }
  const SatchelConfigRow *rows = satchel_loader_schema (name, cli->loader);
  if (rows == NULL)
    return FALSE;
  satchel_cli_write_defaults (name, satchel_loader_module (cli->loader, name, FALSE)->description, rows, TRUE,
                              form, out);
  return TRUE;
}

int
satchel_cli_config_defaults (SatchelCli *cli)
{
  /* Even if the configuration has mistakes, the settings that it could have are shown. */
  g_autoptr (GPtrArray) ignored =
      g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_config_problem_free);
  satchel_cli_load (cli, ignored);
  SatchelDefaultsForm form = satchel_cli_option (cli, "--manual") != NULL     ? SATCHEL_DEFAULTS_MANUAL
                             : satchel_cli_option (cli, "--template") != NULL ? SATCHEL_DEFAULTS_TEMPLATE
                                                                              : SATCHEL_DEFAULTS_FILE;
  g_autoptr (GString) out = g_string_new (NULL);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  for (const SatchelConfigSchema *schema = satchel_core_schemas; schema->group != NULL; schema++)
    g_ptr_array_add (names, g_strdup (schema->group));
  g_autoptr (GPtrArray) files = satchel_loader_list (cli->loader);
  for (guint i = 0; i < files->len; i++)
    if (!((const SatchelModuleFile *) files->pdata[i])->is_gate)
      g_ptr_array_add (names, g_strdup (((const SatchelModuleFile *) files->pdata[i])->name));
  g_ptr_array_add (names, NULL);
  const char *wanted = satchel_cli_argument (cli, 0);
  if (wanted != NULL && !write_group (cli, wanted, form, out))
    {
      const char *why = satchel_loader_why_not (cli->loader, wanted);
      gboolean is_known = g_strv_contains ((const char *const *) names->pdata, wanted);
      return is_known && why != NULL ? satchel_cli_fail (SATCHEL_EXIT_NO_USER, "%s", why)
                                     : no_group (cli, wanted, (const char *const *) names->pdata);
    }
  for (guint i = 0; wanted == NULL && names->pdata[i] != NULL; i++)
    {
      if (i > 0 && form != SATCHEL_DEFAULTS_MANUAL && out->str[out->len - 2] != '\n')
        g_string_append_c (out, '\n');
      write_group (cli, names->pdata[i], form, out);
    }
  fputs (out->str, stdout);
  return SATCHEL_EXIT_OK;
}
