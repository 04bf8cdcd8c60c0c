/* SPDX-License-Identifier: MIT
 * The commands `satchel module list` and `info`.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "core/runtime/loader/kinds.h"
#include "core/runtime/process/roles.h"
#include "core/cli/cli.h"
#include "core/cli/module_order.h"
#include "core/base/json.h"

static const struct
{
  SatchelRole role;
  const char *name;
} roles[] = {
#define SATCHEL_ROLE_ROW(role, name, ...) { SATCHEL_ROLE_##role, name },
#include "core/runtime/process/roles.def"
};

typedef struct Installed
{
  char *name;
  const char *path, *gate_path;       /* borrowed from the list of files; NULL: there is no such file */
  const SatchelModule *module, *gate; /* NULL: there is no file, or it cannot be loaded */
  char *why, *gate_why;               /* why it cannot be loaded */
  gboolean is_enabled;
} Installed;

static void
installed_free (gpointer data)
{
  Installed *installed = data;
  g_free (installed->name);
  g_free (installed->why);
  g_free (installed->gate_why);
  g_free (installed);
}

static Installed *
find_installed (GPtrArray *all, const char *name)
{
  for (guint i = 0; i < all->len; i++)
    if (strcmp (((Installed *) all->pdata[i])->name, name) == 0)
      return all->pdata[i];
  return NULL;
}

/* Loads one file to look at its descriptor. It is tried in a child process first, so that a crash ends only
 * the child. */
static const SatchelModule *
load_for_look (SatchelLoader *loader, const char *name, gboolean is_gate, char **ret_why)
{
  g_autoptr (GError) error = NULL;
  if (!is_gate)
    {
      satchel_loader_schema (name, loader);
      *ret_why = g_strdup (satchel_loader_why_not (loader, name));
      return satchel_loader_module (loader, name, FALSE);
    }
  const SatchelModule *module = satchel_loader_try (loader, name, TRUE, 5000, &error)
                                    ? satchel_loader_load (loader, name, TRUE, &error)
                                    : NULL;
  if (module == NULL)
    *ret_why = g_strdup (error != NULL ? error->message : "cannot be loaded");
  return module;
}

/* Lists what is in the module directories. @only: only the module of this name; NULL: all. */
static GPtrArray *
collect_installed (SatchelCli *cli, GPtrArray *files, const char *only)
{
  GPtrArray *all = g_ptr_array_new_with_free_func (installed_free);
  for (guint i = 0; i < files->len; i++)
    {
      const SatchelModuleFile *file = files->pdata[i];
      /* In a build tree the library is in the same directory as the modules. */
      if ((only != NULL && strcmp (only, file->name) != 0) || strcmp (file->name, "libsatchel") == 0)
        continue;
      Installed *installed = find_installed (all, file->name);
      if (installed == NULL)
        {
          installed = g_new0 (Installed, 1);
          installed->name = g_strdup (file->name);
          installed->is_enabled = cli->set != NULL && satchel_config_set_is_enabled (cli->set, file->name);
          g_ptr_array_add (all, installed);
        }
      if (file->is_gate && installed->gate_path == NULL)
        {
          installed->gate_path = file->path;
          installed->gate = load_for_look (cli->loader, file->name, TRUE, &installed->gate_why);
        }
      else if (!file->is_gate && installed->path == NULL)
        {
          installed->path = file->path;
          installed->module = load_for_look (cli->loader, file->name, FALSE, &installed->why);
        }
    }
  return all;
}

static const char *
first_why (const Installed *installed)
{
  if (installed->why != NULL)
    return installed->why;
  if (installed->gate_why != NULL)
    return installed->gate_why;
  return installed->path == NULL ? "only its half before login is installed; install NAME.so as well" : NULL;
}

static void
append_provides (const SatchelModule *module, GString *out)
{
  for (const SatchelProvides *provides = module != NULL ? module->provides : NULL;
       provides != NULL && provides->kind != 0; provides++)
    {
      const char *name = provides->name != NULL ? provides->name : module->name;
      g_string_append_printf (out, "%s%s", out->len > 0 ? ", " : "", satchel_kind_words (provides->kind));
      if (strcmp (name, module->name) != 0)
        g_string_append_printf (out, " %s", name);
    }
}

static void
append_roles (guint bits, GString *out)
{
  for (gsize i = 0; i < G_N_ELEMENTS (roles); i++)
    if ((bits & roles[i].role) != 0)
      g_string_append_printf (out, "%s%s", out->len > 0 ? " " : "", roles[i].name);
}

/* A module may have these rights beyond others of its role (<satchel/module.h>). */
static const struct
{
  guint right;
  const char *name;
} rights[] = { { SATCHEL_RIGHT_CONNECT, "connect" }, { SATCHEL_RIGHT_PROGRAMS, "programs" } };

static guint
all_roles (const Installed *installed)
{
  return (installed->module != NULL ? installed->module->roles : 0)
         | (installed->gate != NULL ? installed->gate->roles : 0);
}

static void
write_json (const Installed *installed, SatchelJson *json)
{
  const SatchelModule *halves[] = { installed->module, installed->gate };
  const SatchelModule *module = installed->module != NULL ? installed->module : installed->gate;
  satchel_json_open (json, NULL, '{');
  satchel_json_text (json, "name", installed->name);
  satchel_json_bool (json, "enabled", installed->is_enabled);
  satchel_json_bool (json, "usable", first_why (installed) == NULL);
  satchel_json_text (json, "why_not", first_why (installed));
  satchel_json_text (json, "version", module != NULL ? module->version : NULL);
  satchel_json_text (json, "description", module != NULL ? module->description : NULL);
  satchel_json_text (json, "licence", module != NULL ? module->licence : NULL);
  satchel_json_text (json, "file", installed->path);
  satchel_json_text (json, "gate_file", installed->gate_path);
  satchel_json_open (json, "roles", '[');
  for (gsize i = 0; i < G_N_ELEMENTS (roles); i++)
    if ((all_roles (installed) & roles[i].role) != 0)
      satchel_json_text (json, NULL, roles[i].name);
  satchel_json_close (json, ']');
  satchel_json_open (json, "rights", '[');
  for (gsize i = 0; i < G_N_ELEMENTS (rights); i++)
    if (installed->module != NULL && (satchel_module_rights (installed->module) & rights[i].right) != 0)
      satchel_json_text (json, NULL, rights[i].name);
  satchel_json_close (json, ']');
  satchel_json_open (json, "provides", '[');
  for (gsize half = 0; half < G_N_ELEMENTS (halves); half++)
    for (const SatchelProvides *provides = halves[half] != NULL ? halves[half]->provides : NULL;
         provides != NULL && provides->kind != 0; provides++)
      {
        satchel_json_open (json, NULL, '{');
        satchel_json_text (json, "kind", satchel_kind_words (provides->kind));
        satchel_json_text (json, "name", provides->name != NULL ? provides->name : halves[half]->name);
        if (satchel_loader_band (provides) != 0)
          satchel_json_number (json, "band", satchel_loader_band (provides));
        satchel_json_close (json, '}');
      }
  satchel_json_close (json, ']');
  satchel_json_close (json, '}');
}

/* Even if the configuration has mistakes, modules are shown; none counts as enabled then. */
static int
load_configuration (SatchelCli *cli)
{
  g_autoptr (GPtrArray) problems =
      g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_config_problem_free);
  if (satchel_cli_load (cli, problems))
    return SATCHEL_EXIT_OK;
  satchel_cli_print_problems (problems);
  return satchel_cli_fail (SATCHEL_EXIT_CONFIG,
                           "the configuration has mistakes, so no module counts as enabled here");
}

static void
print_list_json (SatchelCli *cli, const GPtrArray *all)
{
  g_autoptr (GString) out = g_string_new (NULL);
  SatchelJson json = { .out = out };
  satchel_json_open (&json, NULL, '{');
  satchel_json_open (&json, "modules", '[');
  for (guint i = 0; i < all->len; i++)
    write_json (all->pdata[i], &json);
  satchel_json_close (&json, ']');
  satchel_module_order_write (cli, &json);
  satchel_json_close (&json, '}');
  puts (out->str);
}

int
satchel_cli_module_list (SatchelCli *cli)
{
  int exit = load_configuration (cli);
  g_autoptr (GPtrArray) files = satchel_loader_list (cli->loader);
  g_autoptr (GPtrArray) all = collect_installed (cli, files, NULL);
  if (satchel_cli_option (cli, "--json") != NULL)
    {
      print_list_json (cli, all);
      return exit;
    }
  printf ("%-20s %-10s %-8s %-16s %s\n", "MODULE", "VERSION", "ENABLED", "ROLES", "PROVIDES");
  for (guint i = 0; i < all->len; i++)
    {
      const Installed *installed = all->pdata[i];
      const SatchelModule *module = installed->module != NULL ? installed->module : installed->gate;
      g_autoptr (GString) provides = g_string_new (NULL), in = g_string_new (NULL);
      append_provides (installed->module, provides);
      append_provides (installed->gate, provides);
      append_roles (all_roles (installed), in);
      printf ("%-20s %-10s %-8s %-16s %s\n", installed->name, module != NULL ? module->version : "-",
              installed->is_enabled ? "yes" : "no", in->str, provides->str);
      if (first_why (installed) != NULL)
        printf ("  cannot be used: %s\n", first_why (installed));
    }
  satchel_module_order_print (cli);
  return exit;
}

static void
print_info (SatchelCli *cli, const Installed *installed)
{
  const SatchelModule *module = installed->module != NULL ? installed->module : installed->gate;
  g_autoptr (GString) provides = g_string_new (NULL), in = g_string_new (NULL);
  append_provides (installed->module, provides);
  append_provides (installed->gate, provides);
  append_roles (all_roles (installed), in);
  printf ("Name:        %s\n", installed->name);
  if (module != NULL)
    printf ("Version:     %s\nDescription: %s\nLicence:     %s\n", module->version, module->description,
            module->licence);
  if (installed->path != NULL)
    printf ("File:        %s\n", installed->path);
  if (installed->gate_path != NULL)
    printf ("File:        %s\n", installed->gate_path);
  printf ("Provides:    %s\nRoles:       %s\n", provides->str, in->str);
  for (gsize i = 0; i < G_N_ELEMENTS (rights); i++)
    if (installed->module != NULL && (satchel_module_rights (installed->module) & rights[i].right) != 0)
      printf ("Rights:      %s\n", rights[i].name);
  const SatchelConfig *config =
      cli->set != NULL ? satchel_config_set_group (cli->set, installed->name) : NULL;
  printf ("Enabled:     %s%s%s%s\n", installed->is_enabled ? "yes" : "no", config != NULL ? " (" : "",
          config != NULL ? satchel_config_origin (config, "enabled") : "", config != NULL ? ")" : "");
  if (first_why (installed) != NULL)
    printf ("Cannot be used: %s\n", first_why (installed));
  const SatchelConfigRow *row = installed->module != NULL ? installed->module->schema : NULL;
  for (; row != NULL && row->key != NULL; row++)
    printf ("Setting:     %s - %s\n", row->key, row->help);
}

int
satchel_cli_module_info (SatchelCli *cli)
{
  const char *name = satchel_cli_argument (cli, 0);
  int exit = load_configuration (cli);
  g_autoptr (GPtrArray) files = satchel_loader_list (cli->loader);
  g_autoptr (GPtrArray) all = collect_installed (cli, files, name);
  if (all->len == 0)
    {
      g_autoptr (GPtrArray) names = g_ptr_array_new ();
      for (guint i = 0; i < files->len; i++)
        g_ptr_array_add (names, ((SatchelModuleFile *) files->pdata[i])->name);
      g_ptr_array_add (names, NULL);
      const char *near = satchel_suggest (name, (const char *const *) names->pdata);
      return satchel_cli_fail (SATCHEL_EXIT_NO_USER, "%s: no such module is installed%s%s%s", name,
                               near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                               near != NULL ? "\"?" : "");
    }
  if (satchel_cli_option (cli, "--json") == NULL)
    {
      print_info (cli, all->pdata[0]);
      return exit;
    }
  g_autoptr (GString) out = g_string_new (NULL);
  SatchelJson json = { .out = out };
  write_json (all->pdata[0], &json);
  puts (out->str);
  return exit;
}
