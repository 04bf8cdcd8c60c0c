/* SPDX-License-Identifier: MIT
 * Merges the packaged defaults, the administrator's files and --set into one set, setting by setting.
 */
#include "config.h"

#include <errno.h>
#include <satchel/hash.h>
#include <string.h>
#include <sys/stat.h>

#include "core/runtime/config/config_private.h"
#include "core/runtime/loader/loader.h"

#define FILES_MAX 1000u

typedef struct Draft
{
  const SatchelConfigRow *rows; /* NULL: no module or schema has this group */
  gboolean is_module;
  SatchelConfig *config;
  char *named_at; /* file and line that named it last */
} Draft;

typedef struct Load
{
  SatchelConfigReader reader;
  SatchelConfigSchemaFunc schema;
  gpointer data;
  GHashTable *drafts; /* name -> Draft */
  /* "group.key" -> file and line that set it in this directory; NULL: a setting may come again. */
  GHashTable *seen;
  gboolean is_defaults; /* reading the packaged defaults */
  SatchelConfigState state;
} Load;

static void
draft_free (gpointer data)
{
  Draft *draft = data;
  satchel_config_free (draft->config);
  g_free (draft->named_at);
  g_free (draft);
}

static const SatchelConfigRow *
core_rows (const char *group)
{
  for (const SatchelConfigSchema *schema = satchel_core_schemas; schema->group != NULL; schema++)
    if (strcmp (schema->group, group) == 0)
      return schema->rows;
  return NULL;
}

static Draft *
get_draft (Load *load, const char *name)
{
  Draft *draft = g_hash_table_lookup (load->drafts, name);
  if (draft != NULL)
    return draft;
  draft = g_new0 (Draft, 1);
  draft->rows = core_rows (name);
  if (draft->rows == NULL && load->schema != NULL)
    {
      draft->rows = load->schema (name, load->data);
      draft->is_module = draft->rows != NULL;
    }
  if (draft->rows != NULL)
    draft->config = satchel_config_new_from_rows (name, draft->rows, draft->is_module, load->reader.conf_dir);
  g_hash_table_insert (load->drafts, g_strdup (name), draft);
  return draft;
}

static void
note_state (Load *load, SatchelConfigState state)
{
  load->state = MAX (load->state, state);
}

static char *
place_of (const Load *load, const config_setting_t *setting)
{
  return satchel_config_text_where (load->reader.text, config_setting_source_line (setting));
}

/* Notes that a setting was set. FALSE: a file of this directory has set it before. */
static gboolean
note_first (Load *load, const char *path, const config_setting_t *setting)
{
  if (load->seen == NULL)
    return TRUE;
  const char *first = g_hash_table_lookup (load->seen, path);
  if (first == NULL)
    {
      g_hash_table_insert (load->seen, g_strdup (path), place_of (load, setting));
      return TRUE;
    }
  satchel_config_problem_add_of (load->reader.problems, FALSE, place_of (load, setting), path,
                                 "%s is set twice: here and at %s; remove one", path, first);
  return FALSE;
}

static void
report_unknown_group (Load *load, const char *name, const config_setting_t *setting)
{
  note_state (load, SATCHEL_CONFIG_HOLES);
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  for (const SatchelConfigSchema *schema = satchel_core_schemas; schema->group != NULL; schema++)
    g_ptr_array_add (names, (gpointer) schema->group);
  GHashTableIter iter;
  gpointer key, draft;
  g_hash_table_iter_init (&iter, load->drafts);
  while (g_hash_table_iter_next (&iter, &key, &draft))
    if (((Draft *) draft)->rows != NULL)
      g_ptr_array_add (names, key);
  /* Only the loader knows which modules are installed, and why one cannot be loaded. */
  gboolean has_loader = load->schema == satchel_loader_schema;
  g_autoptr (GPtrArray) files = has_loader ? satchel_loader_list (load->data) : NULL;
  gboolean is_installed = FALSE;
  for (guint i = 0; files != NULL && i < files->len; i++)
    {
      const SatchelModuleFile *file = files->pdata[i];
      is_installed = is_installed || strcmp (file->name, name) == 0;
      g_ptr_array_add (names, file->name);
    }
  g_ptr_array_add (names, NULL);
  const char *why = has_loader && is_installed ? satchel_loader_why_not (load->data, name) : NULL;
  const char *near = why == NULL ? satchel_suggest (name, (const char *const *) names->pdata) : NULL;
  if (why != NULL)
    satchel_config_problem_add_of (load->reader.problems, FALSE, place_of (load, setting), name, "%s", why);
  else if (near != NULL)
    satchel_config_problem_add_of (
        load->reader.problems, FALSE, place_of (load, setting), name,
        "%.64s: no such group of settings and no such module; did you mean \"%s\"?", name, near);
  else
    satchel_config_problem_add_of (
        load->reader.problems, FALSE, place_of (load, setting), name,
        "%.64s: no such group of settings and no such module; "
        "install the module (satchel module list shows what is there) or remove the group",
        name);
}

static void
report_unknown_key (Load *load, const Draft *draft, const char *path, const char *key,
                    const config_setting_t *setting)
{
  g_autoptr (GPtrArray) keys = g_ptr_array_new ();
  for (guint i = 0; i < draft->config->n_values; i++)
    g_ptr_array_add (keys, draft->config->values[i].key);
  g_ptr_array_add (keys, NULL);
  const char *near = satchel_suggest (key, (const char *const *) keys->pdata);
  if (near != NULL)
    satchel_config_problem_add_of (load->reader.problems, FALSE, place_of (load, setting), path,
                                   "%s: no such setting; did you mean \"%s\"?", path, near);
  else
    satchel_config_problem_add_of (load->reader.problems, FALSE, place_of (load, setting), path,
                                   "%s: no such setting; remove it (satchel config defaults %s shows all)",
                                   path, draft->config->name);
}

/* If a word without quotes would not be right with quotes either, only the message about its value stays,
 * since it says more. */
static void
drop_quote_advice (Load *load, const config_setting_t *setting)
{
  GPtrArray *problems = load->reader.problems;
  g_autofree char *here = place_of (load, setting);
  gboolean was_dropped = FALSE;
  for (guint i = problems->len; i > 1; i--)
    {
      const SatchelConfigProblem *problem = problems->pdata[i - 2];
      if (strcmp (problem->where, here) != 0 || strstr (problem->text, " must be in quotes; write ") == NULL)
        continue;
      g_ptr_array_remove_index (problems, i - 2);
      was_dropped = TRUE;
    }
  const char *word = config_setting_get_string (setting);
  SatchelConfigProblem *last = problems->len > 0 ? problems->pdata[problems->len - 1] : NULL;
  const char *as_text = was_dropped && word != NULL ? strstr (last->text, SATCHEL_CONFIG_IS_TEXT) : NULL;
  if (as_text == NULL)
    return;
  /* The value has no quotes, so libconfig did not read it as a text. */
  char *text = g_strdup_printf ("%.*s%.60s will not do%s", (int) (as_text - last->text), last->text, word,
                                as_text + strlen (SATCHEL_CONFIG_IS_TEXT));
  g_free (last->text);
  last->text = text;
}

/* Merges the value of @group.@key, which is @setting, whatever the name of that. */
static void
merge_setting (Load *load, const char *group, const char *key, const config_setting_t *setting)
{
  const Draft *draft = get_draft (load, group);
  if (draft->rows == NULL)
    {
      report_unknown_group (load, group, setting);
      return;
    }
  g_autofree char *path = g_strdup_printf ("%s.%.64s", group, key);
  SatchelConfigValue *value = satchel_config_find (draft->config, key);
  const SatchelConfigRow *row = satchel_config_find_row (draft->rows, key);
  if (row == NULL && draft->is_module && strcmp (key, "enabled") == 0)
    row = &satchel_config_enabled_row;
  gboolean is_read = FALSE;
  if (row == NULL || value == NULL)
    report_unknown_key (load, draft, path, key, setting);
  else if (note_first (load, path, setting))
    is_read = satchel_config_value_read (&load->reader, row, path, setting, value);
  if (!is_read)
    drop_quote_advice (load, setting);
  if (!is_read && strcmp (key, "enabled") == 0)
    note_state (load, SATCHEL_CONFIG_HOLES);
}

/* Says whether a group is disabled. A missing module is no mistake then: its package was removed, and its
 * file stayed. */
static gboolean
is_switched_off (const config_setting_t *group)
{
  const config_setting_t *enabled = config_setting_get_member (group, "enabled");
  return enabled != NULL && config_setting_type (enabled) == CONFIG_TYPE_BOOL
         && !config_setting_get_bool (enabled);
}

static void
merge_group (Load *load, const config_setting_t *group)
{
  const char *name = config_setting_name (group);
  Draft *draft = get_draft (load, name);
  if (draft->rows == NULL)
    {
      if (!is_switched_off (group) && !load->is_defaults)
        report_unknown_group (load, name, group);
      return;
    }
  g_free (draft->named_at);
  draft->named_at = place_of (load, group);
  for (int i = 0; i < config_setting_length (group); i++)
    {
      const config_setting_t *setting = config_setting_get_elem (group, (guint) i);
      merge_setting (load, name, config_setting_name (setting), setting);
    }
}

/* Takes @text over. */
static void
merge_text (Load *load, SatchelConfigText *taken)
{
  g_autoptr (SatchelConfigText) text = taken;
  gboolean is_readable = text != NULL && satchel_config_check_text (text, load->reader.problems);
  if (!is_readable || text->is_broken)
    note_state (load, SATCHEL_CONFIG_BROKEN);
  if (!is_readable)
    return;
  config_t parsed;
  config_init (&parsed);
  load->reader.text = text;
  if (config_read_string (&parsed, text->text->str) != CONFIG_TRUE)
    {
      note_state (load, SATCHEL_CONFIG_BROKEN);
      satchel_config_problem_add (
          load->reader.problems, FALSE,
          satchel_config_text_where (text, (guint) MAX (config_error_line (&parsed), 1)),
          "%s here or shortly before; look for a missing ; or quote", config_error_text (&parsed));
    }
  else
    {
      const config_setting_t *root = config_root_setting (&parsed);
      for (int i = 0; i < config_setting_length (root); i++)
        {
          const config_setting_t *group = config_setting_get_elem (root, (guint) i);
          const char *name = config_setting_name (group);
          if (config_setting_is_group (group))
            merge_group (load, group);
          else
            satchel_config_problem_add (load->reader.problems, FALSE, place_of (load, group),
                                        "%.64s stands outside of any group; write GROUP = { %.64s = ...; };",
                                        name, name);
        }
    }
  load->reader.text = NULL;
  config_destroy (&parsed);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static gboolean
is_safe_directory (Load *load, const char *path)
{
  struct stat st;
  if (stat (path, &st) != 0 || (st.st_mode & S_IWOTH) == 0 || (st.st_mode & S_ISVTX) != 0)
    return TRUE;
  satchel_config_problem_add (load->reader.problems, FALSE, g_strdup (path),
                              "is writable by everyone; run: chmod o-w %s", path);
  return FALSE;
}

/* Warns of files beside the configuration that are not read but look as if they should be. */
static void
warn_of_ignored (Load *load, const char *path, const char *name, gboolean is_conf_d)
{
  gboolean ends_in_conf = g_str_has_suffix (name, ".conf");
  g_autofree char *whole = g_build_filename (path, name, NULL);
  if (is_conf_d ? (name[0] == '.' && !ends_in_conf) || g_str_has_prefix (name, "README")
                : strcmp (name, "satchel.conf") == 0 || !ends_in_conf)
    return;
  if (is_conf_d && g_file_test (whole, G_FILE_TEST_IS_DIR))
    satchel_config_problem_add (load->reader.problems, TRUE, g_steal_pointer (&whole),
                                "is a directory and not read; put its files into %s itself", path);
  else if (is_conf_d)
    satchel_config_problem_add (load->reader.problems, TRUE, g_steal_pointer (&whole),
                                "is not read: only names that end in .conf and do not begin with a dot are; "
                                "rename it to make it count, or remove it");
  else
    satchel_config_problem_add (load->reader.problems, TRUE, g_steal_pointer (&whole),
                                "is not read: of this directory only satchel.conf is; move it to conf.d");
}

static void
look_beside_main_file (Load *load, const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;
  for (guint i = 0; dir != NULL && i < FILES_MAX && (name = g_dir_read_name (dir)) != NULL; i++)
    warn_of_ignored (load, path, name, FALSE);
}

/* Merges all *.conf of a directory, in the order of their names. */
static void
merge_directory (Load *load, const char *path, const char *tree, gboolean must_exist)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) dir = g_dir_open (path, 0, &error);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const char *name;
  if (dir == NULL)
    {
      if (must_exist || !g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        {
          note_state (load, SATCHEL_CONFIG_BROKEN);
          satchel_config_problem_add (load->reader.problems, FALSE, g_strdup (path), "%s", error->message);
        }
      return;
    }
  if (!is_safe_directory (load, path))
    return;
  /* GDir itself does not tell a failure from the end, and a module that guards users must not be left out. */
  while (errno = 0, (name = g_dir_read_name (dir)) != NULL && names->len <= FILES_MAX)
    if (name[0] != '.' && g_str_has_suffix (name, ".conf"))
      g_ptr_array_add (names, g_build_filename (path, name, NULL));
    else if (!load->is_defaults)
      warn_of_ignored (load, path, name, TRUE);
  if (name == NULL && errno != 0)
    {
      note_state (load, SATCHEL_CONFIG_BROKEN);
      satchel_config_problem_add (load->reader.problems, FALSE, g_strdup (path),
                                  "this directory cannot be read to its end: %s", g_strerror (errno));
      return;
    }
  if (names->len > FILES_MAX)
    {
      satchel_config_problem_add (load->reader.problems, FALSE, g_strdup (path),
                                  "this directory has more than %u files; put several into one", FILES_MAX);
      return;
    }
  g_ptr_array_sort (names, compare_names);
  for (guint i = 0; i < names->len; i++)
    merge_text (load, satchel_config_text_read (names->pdata[i], tree, load->reader.problems));
}

/* Says whether `value = TEXT;` is exactly one setting. */
static gboolean
can_parse (const char *label, const char *string)
{
  g_autoptr (GPtrArray) problems =
      g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_config_problem_free);
  g_autoptr (SatchelConfigText) text = satchel_config_text_from_string (label, string, FALSE, problems);
  if (text == NULL || !satchel_config_check_text (text, problems) || problems->len > 0)
    return FALSE;
  config_t parsed;
  config_init (&parsed);
  gboolean ok = config_read_string (&parsed, text->text->str) == CONFIG_TRUE
                && config_setting_length (config_root_setting (&parsed)) == 1;
  config_destroy (&parsed);
  return ok;
}

/* Merges GROUP.SETTING=VALUE. VALUE is libconfig syntax if it can be parsed, else a text. */
static void
merge_override (Load *load, const char *override)
{
  const char *equals = strchr (override, '='), *dot = strchr (override, '.');
  if (equals == NULL || dot == NULL || dot > equals || dot == override || equals == dot + 1
      || equals - override > 200)
    {
      satchel_config_problem_add (load->reader.problems, FALSE, g_strdup_printf ("--set %.80s", override),
                                  "cannot be read; write --set GROUP.SETTING=VALUE");
      return;
    }
  g_autofree char *group = g_strndup (override, (gsize) (dot - override));
  g_autofree char *key = g_strndup (dot + 1, (gsize) (equals - dot - 1));
  g_autofree char *label = g_strdup_printf ("--set %s.%s", group, key);
  g_autoptr (GString) line = g_string_new (NULL);
  g_string_printf (line, "value = %s;", equals + 1);
  if (!can_parse (label, line->str))
    {
      g_string_assign (line, "value = ");
      satchel_config_quote (equals + 1, line);
      g_string_append_c (line, ';');
    }
  g_autoptr (SatchelConfigText) text =
      satchel_config_text_from_string (label, line->str, FALSE, load->reader.problems);
  if (text == NULL || !satchel_config_check_text (text, load->reader.problems))
    return;
  config_t parsed;
  config_init (&parsed);
  const config_setting_t *setting =
      config_read_string (&parsed, text->text->str) == CONFIG_TRUE ? config_lookup (&parsed, "value") : NULL;
  load->reader.text = text;
  load->reader.is_override = TRUE;
  if (setting != NULL)
    merge_setting (load, group, key, setting);
  else
    satchel_config_problem_add (load->reader.problems, FALSE, g_strdup (label), "the value cannot be read");
  load->reader.text = NULL;
  config_destroy (&parsed);
}

/* Checks that REQUIRED rows are set, once everything is merged. */
static void
check_required (Load *load, const char *name, const Draft *draft)
{
  if (load->state == SATCHEL_CONFIG_BROKEN)
    return;
  if (draft->is_module && satchel_config_find (draft->config, "enabled")->number == 0)
    return;
  for (const SatchelConfigRow *row = draft->rows; row->key != NULL; row++)
    if ((row->flags & SATCHEL_CONFIG_REQUIRED) != 0 && !satchel_config_find (draft->config, row->key)->is_set)
      {
        const char *enabled_at =
            draft->is_module ? satchel_config_origin (draft->config, "enabled") : draft->named_at;
        g_autofree char *path = g_strdup_printf ("%s.%s", name, row->key);
        satchel_config_problem_add_of (load->reader.problems, FALSE, g_strdup (enabled_at), path,
                                       "%s: \"%s\" must be set: %s", name, row->key, row->help);
      }
}

/* Makes a set of the drafts. */
static SatchelConfigSet *
finish_load (Load *load)
{
  GHashTable *groups =
      g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, (GDestroyNotify) satchel_config_free);
  for (const SatchelConfigSchema *schema = satchel_core_schemas; schema->group != NULL; schema++)
    get_draft (load, schema->group);
  GHashTableIter iter;
  gpointer name, data;
  g_hash_table_iter_init (&iter, load->drafts);
  while (g_hash_table_iter_next (&iter, &name, &data))
    {
      Draft *draft = data;
      if (draft->config == NULL)
        continue;
      check_required (load, name, draft);
      g_hash_table_insert (groups, g_strdup (name), g_steal_pointer (&draft->config));
    }
  SatchelConfigSet *set = satchel_config_set_new (groups);
  set->state = load->state;
  return set;
}

static void
load_init (Load *load, const char *conf_dir, SatchelConfigSchemaFunc schema, gpointer data,
           GPtrArray *problems)
{
  *load = (Load) { .reader = { .problems = problems, .conf_dir = conf_dir }, .schema = schema, .data = data };
  load->drafts = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, draft_free);
  load->seen = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, g_free);
}

static void
load_clear (Load *load)
{
  g_hash_table_unref (load->drafts);
  g_clear_pointer (&load->seen, g_hash_table_unref);
}

SatchelConfigSet *
satchel_config_load_lenient (const char *defaults_dir, const char *conf_dir, const char *const *overrides,
                             SatchelConfigSchemaFunc schema, gpointer data, GPtrArray *problems)
{
  g_autofree char *base = g_canonicalize_filename (conf_dir, NULL);
  Load load;
  load_init (&load, base, schema, data, problems);
  g_autofree char *defaults = defaults_dir != NULL ? g_canonicalize_filename (defaults_dir, NULL) : NULL;
  load.is_defaults = TRUE;
  if (defaults != NULL)
    merge_directory (&load, defaults, defaults, TRUE);
  load.is_defaults = FALSE;

  g_hash_table_remove_all (load.seen);
  g_autofree char *main_file = g_build_filename (base, "satchel.conf", NULL);
  g_autofree char *conf_d = g_build_filename (base, "conf.d", NULL);
  struct stat st;
  if (stat (base, &st) != 0 || !S_ISDIR (st.st_mode))
    {
      note_state (&load, SATCHEL_CONFIG_BROKEN);
      satchel_config_problem_add (
          problems, FALSE, g_strdup (base),
          "no such directory of configuration; make it or name another one with --config-dir");
    }
  else if (is_safe_directory (&load, base))
    {
      if (lstat (main_file, &st) == 0 || errno != ENOENT)
        merge_text (&load, satchel_config_text_read (main_file, base, problems));
      look_beside_main_file (&load, base);
      merge_directory (&load, conf_d, base, FALSE);
    }

  g_clear_pointer (&load.seen, g_hash_table_unref);
  for (gsize i = 0; overrides != NULL && overrides[i] != NULL; i++)
    merge_override (&load, overrides[i]);
  SatchelConfigSet *set = finish_load (&load);
  load_clear (&load);
  return set;
}

SatchelConfigSet *
satchel_config_load (const char *defaults_dir, const char *conf_dir, const char *const *overrides,
                     SatchelConfigSchemaFunc schema, gpointer data, GPtrArray *problems)
{
  guint before = satchel_config_count_errors (problems);
  g_autoptr (SatchelConfigSet) set =
      satchel_config_load_lenient (defaults_dir, conf_dir, overrides, schema, data, problems);
  return satchel_config_count_errors (problems) == before ? g_steal_pointer (&set) : NULL;
}

typedef struct OneSchema
{
  const char *group;
  const SatchelConfigRow *rows;
} OneSchema;

static const SatchelConfigRow *
find_one (const char *group, gpointer data)
{
  const OneSchema *schema = data;
  return strcmp (group, schema->group) == 0 ? schema->rows : NULL;
}

SatchelConfigSet *
satchel_config_set_from_text (const char *group, const SatchelConfigRow *rows, const char *string,
                              GError **error)
{
  static const SatchelConfigRow none[] = { { NULL } };
  g_autoptr (GPtrArray) problems =
      g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_config_problem_free);
  g_autofree char *base = g_get_current_dir ();
  g_autofree char *whole = g_strdup_printf ("%s = { %s\n};", group, string != NULL ? string : "");
  OneSchema schema = { group, rows != NULL ? rows : none };
  Load load;
  load_init (&load, base, find_one, &schema, problems);
  merge_text (&load, satchel_config_text_from_string ("text", whole, TRUE, problems));
  g_autoptr (SatchelConfigSet) set = finish_load (&load);
  load_clear (&load);
  if (satchel_config_count_errors (problems) == 0)
    return g_steal_pointer (&set);
  g_autoptr (GString) all = g_string_new (NULL);
  for (guint i = 0; i < problems->len; i++)
    {
      const SatchelConfigProblem *problem = problems->pdata[i];
      g_string_append_printf (all, "%s%s: %s", i > 0 ? "; " : "", problem->where, problem->text);
    }
  satchel_error_set (error, SATCHEL_ERROR_INVALID, "%s", all->str);
  return NULL;
}
