/* SPDX-License-Identifier: MIT
 * Compares one setting, as libconfig read it, with its row: type, range, choices, lists of named groups.
 */
#include "config.h"

#include <errno.h>
#include <satchel/hash.h>
#include <string.h>
#include <sys/stat.h>

#include "core/runtime/config/config_private.h"

const SatchelConfigRow satchel_config_enabled_row = { "enabled", SATCHEL_CONFIG_BOOL, "false",
                                                      "Whether the module is loaded" };

const SatchelConfigRow *
satchel_config_find_row (const SatchelConfigRow *rows, const char *key)
{
  for (const SatchelConfigRow *row = rows; row != NULL && row->key != NULL; row++)
    if (strcmp (row->key, key) == 0)
      return row;
  return NULL;
}

static void
report_value (SatchelConfigReader *reader, const config_setting_t *setting, const char *path, const char *why)
{
  satchel_config_problem_add_of (
      reader->problems, FALSE, satchel_config_text_where (reader->text, config_setting_source_line (setting)),
      path, "%s: %s", path, why);
}

static const char *
expected_form (const SatchelConfigRow *row)
{
  switch (row->type)
    {
    case SATCHEL_CONFIG_BOOL:
      return "true or false, without quotes";
    case SATCHEL_CONFIG_INT:
      return "a whole number, without quotes";
    case SATCHEL_CONFIG_SIZE:
      return "a size in quotes, with K, M, G or T, like \"50M\"";
    case SATCHEL_CONFIG_DURATION:
      return "a time in quotes, with ms, s, m, h, d or w, like \"30d\"";
    case SATCHEL_CONFIG_MODE:
      return "rights in octal, in quotes, like \"0660\"";
    case SATCHEL_CONFIG_PATH:
      return "a path in quotes";
    case SATCHEL_CONFIG_STRINGS:
      return "a list of texts, like ( \"a\", \"b\" )";
    case SATCHEL_CONFIG_GROUPS:
      return "a list of groups, like ( { name = \"a\"; }, { name = \"b\"; } )";
    case SATCHEL_CONFIG_ENDPOINT:
      return "an endpoint in quotes, like \"unix:/path\" or \"host:port\"";
    case SATCHEL_CONFIG_STRING:
    case SATCHEL_CONFIG_SECRET:
    case SATCHEL_CONFIG_ENUM:
      break;
    }
  return "a text in quotes";
}

static const char *
found_form (const config_setting_t *setting)
{
  switch (config_setting_type (setting))
    {
    case CONFIG_TYPE_GROUP:
      return "this is a group";
    case CONFIG_TYPE_LIST:
    case CONFIG_TYPE_ARRAY:
      return "this is a list";
    case CONFIG_TYPE_STRING:
      return SATCHEL_CONFIG_IS_TEXT;
    case CONFIG_TYPE_BOOL:
      return "this is true or false";
    case CONFIG_TYPE_FLOAT:
      return "this is a number with a fraction";
    default:
      return "this is a number";
    }
}

static gboolean
wrong_type (SatchelConfigReader *reader, const SatchelConfigRow *row, const char *path,
            const config_setting_t *setting)
{
  g_autofree char *why = g_strdup_printf ("%s; write %s", found_form (setting), expected_form (row));
  report_value (reader, setting, path, why);
  return FALSE;
}

static char *
make_absolute (const char *path, const char *conf_dir)
{
  return *path == '\0' ? g_strdup ("") : g_canonicalize_filename (path, conf_dir);
}

/* Checks a well-formed secret, such as the name of its file. FALSE means that it is refused. */
static gboolean
check_secret (SatchelConfigReader *reader, const char *path, const config_setting_t *setting,
              SatchelConfigValue *value)
{
  struct stat st;
  if (g_str_has_prefix (value->string, "file:"))
    {
      g_autofree char *file = make_absolute (value->string + strlen ("file:"), reader->conf_dir);
      g_free (value->string);
      value->string = g_strconcat ("file:", file, NULL);
      const char *why = NULL;
      if (stat (file, &st) != 0)
        why =
            errno == EACCES
                ? NULL
                : "cannot be found; make the file or correct the path"; /* EACCES: another role may read it */
      else if (!S_ISREG (st.st_mode))
        why = "is not a regular file";
      else if ((st.st_mode & S_IRWXO) != 0)
        why = "is open to everyone; run: chmod o= on it";
      if (why == NULL)
        return TRUE;
      g_autofree char *text = g_strdup_printf ("secret file %s %s", file, why);
      report_value (reader, setting, path, text);
      return FALSE;
    }
  if (g_str_has_prefix (value->string, "env:") || value->string[0] == '\0')
    return TRUE;
  if (g_str_has_prefix (value->string, "credential:"))
    {
      if (strchr (value->string, '/') == NULL)
        return TRUE;
      report_value (reader, setting, path, "the name of a credential has no /");
      return FALSE;
    }
  satchel_config_problem_add_of (
      reader->problems, TRUE, satchel_config_text_where (reader->text, config_setting_source_line (setting)),
      path,
      "%s: the secret stands here in clear text; better write \"file:PATH\", \"credential:NAME\" or "
      "\"env:NAME\"",
      path);
  return TRUE;
}

/* Takes a number of --set without quotes: 1048576 for a size, 0660 for a mode. */
static char *
bare_number (const SatchelConfigReader *reader, const SatchelConfigRow *row, const config_setting_t *setting)
{
  int type = config_setting_type (setting);
  if (!reader->is_override || row->type == SATCHEL_CONFIG_INT || row->type == SATCHEL_CONFIG_BOOL
      || (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64 && type != CONFIG_TYPE_FLOAT
          && type != CONFIG_TYPE_BOOL))
    return NULL;
  /* The text is one line, `value = TEXT;`. */
  const char *start = strchr (reader->text->text->str, '=') + 1, *end = strrchr (start, ';');
  g_autofree char *text = g_strndup (start, end != NULL ? (gsize) (end - start) : strlen (start));
  g_strstrip (text);
  if (type == CONFIG_TYPE_INT64 && g_str_has_suffix (text, "L"))
    text[strlen (text) - 1] = '\0';
  return g_steal_pointer (&text);
}

static gboolean
is_text (SatchelConfigReader *reader, const config_setting_t *setting, const char *path, const char *text)
{
  if (text == NULL || g_utf8_validate (text, -1, NULL))
    return TRUE;
  report_value (reader, setting, path,
                "the value is not valid UTF-8; write the characters themselves, without \\x");
  return FALSE;
}

/* Reads a number that is written without quotes for a setting of type INT. */
static gboolean
read_int (SatchelConfigReader *reader, const SatchelConfigRow *row, const char *path,
          const config_setting_t *setting, SatchelConfigValue *value)
{
  g_autofree char *why = NULL;
  gint64 number = config_setting_type (setting) == CONFIG_TYPE_INT ? config_setting_get_int (setting)
                                                                   : config_setting_get_int64 (setting);
  if (!satchel_config_check_range (row, number, &why))
    {
      report_value (reader, setting, path, why);
      return FALSE;
    }
  value->number = number;
  return TRUE;
}

/* Reads a value that is text in the file, or is taken for it; @text may be NULL. */
static gboolean
read_text (SatchelConfigReader *reader, const SatchelConfigRow *row, const char *path,
           const config_setting_t *setting, const char *text, SatchelConfigValue *value)
{
  g_autofree char *why = NULL;
  if (!is_text (reader, setting, path, text))
    return FALSE;
  if (!satchel_config_scalar_parse (row, text != NULL ? text : "", value, &why))
    {
      report_value (reader, setting, path, why);
      return FALSE;
    }
  if (row->type == SATCHEL_CONFIG_PATH)
    {
      g_autofree char *file = g_steal_pointer (&value->string);
      value->string = make_absolute (file, reader->conf_dir);
    }
  return row->type != SATCHEL_CONFIG_SECRET || check_secret (reader, path, setting, value);
}

static gboolean
read_scalar (SatchelConfigReader *reader, const SatchelConfigRow *row, const char *path,
             const config_setting_t *setting, SatchelConfigValue *value)
{
  const int type = config_setting_type (setting);
  const gboolean is_int = type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
  if (row->type == SATCHEL_CONFIG_BOOL && type == CONFIG_TYPE_BOOL)
    {
      value->number = config_setting_get_bool (setting) != 0;
      return TRUE;
    }
  if (row->type == SATCHEL_CONFIG_INT && is_int)
    return read_int (reader, row, path, setting, value);
  g_autofree char *bare = bare_number (reader, row, setting);
  if (bare != NULL)
    return read_text (reader, row, path, setting, bare, value);
  if (type != CONFIG_TYPE_STRING || row->type == SATCHEL_CONFIG_BOOL || row->type == SATCHEL_CONFIG_INT)
    return wrong_type (reader, row, path, setting);
  return read_text (reader, row, path, setting, config_setting_get_string (setting), value);
}

static gboolean
read_strings (SatchelConfigReader *reader, const SatchelConfigRow *row, const char *path,
              const config_setting_t *setting, SatchelConfigValue *value)
{
  if (!config_setting_is_list (setting) && !config_setting_is_array (setting))
    return wrong_type (reader, row, path, setting);
  int n = config_setting_length (setting);
  g_auto (GStrv) strings = g_new0 (char *, (gsize) n + 1);
  for (int i = 0; i < n; i++)
    {
      const config_setting_t *element = config_setting_get_elem (setting, (guint) i);
      if (config_setting_type (element) != CONFIG_TYPE_STRING)
        return wrong_type (reader, row, path, setting);
      const char *text = config_setting_get_string (element);
      if (!is_text (reader, element, path, text))
        return FALSE;
      strings[i] = g_strdup (text != NULL ? text : "");
    }
  g_strfreev (value->strings);
  value->strings = g_steal_pointer (&strings);
  return TRUE;
}

static void
report_unknown (SatchelConfigReader *reader, const config_setting_t *member, const char *path,
                const SatchelConfigRow *rows)
{
  g_autoptr (GPtrArray) keys = g_ptr_array_new ();
  for (const SatchelConfigRow *row = rows; row->key != NULL; row++)
    g_ptr_array_add (keys, (gpointer) row->key);
  g_ptr_array_add (keys, NULL);
  const char *near = satchel_suggest (config_setting_name (member), (const char *const *) keys->pdata);
  if (near != NULL)
    satchel_config_problem_add_of (
        reader->problems, FALSE,
        satchel_config_text_where (reader->text, config_setting_source_line (member)), path,
        "%s: no such setting; did you mean \"%s\"?", path, near);
  else
    report_value (reader, member, path, "no such setting; remove it");
}

/* Reads one `{ ... }` of a list. */
static SatchelConfig *
read_group (SatchelConfigReader *reader, const SatchelConfigRow *row, const char *path,
            const config_setting_t *setting)
{
  g_autoptr (SatchelConfig) config = satchel_config_new_from_rows (path, row->group, FALSE, reader->conf_dir);
  gboolean ok = TRUE;
  for (int i = 0; i < config_setting_length (setting); i++)
    {
      const config_setting_t *member = config_setting_get_elem (setting, (guint) i);
      const char *key = config_setting_name (member);
      const SatchelConfigRow *inner = satchel_config_find_row (row->group, key);
      g_autofree char *member_path = g_strdup_printf ("%s.%.64s", path, key);
      if (inner == NULL)
        {
          report_unknown (reader, member, member_path, row->group);
          ok = FALSE;
        }
      else if (!satchel_config_value_read (reader, inner, member_path, member,
                                           satchel_config_find (config, key)))
        ok = FALSE;
    }
  for (const SatchelConfigRow *inner = row->group; ok && inner->key != NULL; inner++)
    if ((inner->flags & SATCHEL_CONFIG_REQUIRED) != 0 && !satchel_config_find (config, inner->key)->is_set)
      {
        g_autofree char *why = g_strdup_printf ("\"%s\" is missing: %s; add it", inner->key, inner->help);
        report_value (reader, setting, path, why);
        ok = FALSE;
      }
  return ok ? g_steal_pointer (&config) : NULL;
}

static gboolean
read_groups (SatchelConfigReader *reader, const SatchelConfigRow *row, const char *path,
             const config_setting_t *setting, SatchelConfigValue *value)
{
  if (!config_setting_is_list (setting))
    return wrong_type (reader, row, path, setting);
  g_autoptr (GPtrArray) groups = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_config_free);
  g_autoptr (GHashTable) names = g_hash_table_new_full (satchel_string_hash, g_str_equal, NULL, g_free);
  gboolean ok = TRUE;
  for (int i = 0; i < config_setting_length (setting); i++)
    {
      const config_setting_t *element = config_setting_get_elem (setting, (guint) i);
      if (!config_setting_is_group (element))
        return wrong_type (reader, row, path, setting);
      SatchelConfig *group = read_group (reader, row, path, element);
      if (group == NULL)
        {
          ok = FALSE;
          continue;
        }
      g_ptr_array_add (groups, group);
      const SatchelConfigValue *name = satchel_config_find (group, "name");
      if (name == NULL || name->string == NULL)
        continue;
      const char *first = g_hash_table_lookup (names, name->string);
      if (first != NULL)
        {
          g_autofree char *why = g_strdup_printf (
              "two entries are named \"%.64s\": here and at %s; rename one", name->string, first);
          report_value (reader, element, path, why);
          ok = FALSE;
        }
      else
        g_hash_table_insert (names, name->string,
                             satchel_config_text_where (reader->text, config_setting_source_line (element)));
    }
  if (!ok)
    return FALSE;
  g_clear_pointer (&value->groups, g_ptr_array_unref);
  value->groups = g_steal_pointer (&groups);
  return TRUE;
}

gboolean
satchel_config_value_read (SatchelConfigReader *reader, const SatchelConfigRow *row, const char *path,
                           const config_setting_t *setting, SatchelConfigValue *value)
{
  gboolean ok;
  SatchelConfigValue fresh = { .type = row->type, .flags = row->flags, .is_set = TRUE };
  if (row->type == SATCHEL_CONFIG_STRINGS)
    ok = read_strings (reader, row, path, setting, &fresh);
  else if (row->type == SATCHEL_CONFIG_GROUPS)
    ok = read_groups (reader, row, path, setting, &fresh);
  else
    ok = read_scalar (reader, row, path, setting, &fresh);
  if (ok)
    {
      fresh.key = g_steal_pointer (&value->key);
      fresh.origin = satchel_config_text_where (reader->text, config_setting_source_line (setting));
      satchel_config_value_clear (value);
      *value = fresh;
    }
  else
    satchel_config_value_clear (&fresh);
  return ok;
}

/* Reads the default of a list, which is in libconfig syntax. */
static gboolean
read_default_list (const SatchelConfigRow *row, const char *conf_dir, SatchelConfigValue *value)
{
  g_autoptr (GPtrArray) problems =
      g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_config_problem_free);
  g_autofree char *string = g_strdup_printf ("value = %s;", row->default_value);
  g_autoptr (SatchelConfigText) text = satchel_config_text_from_string ("default", string, FALSE, problems);
  config_t parsed;
  config_init (&parsed);
  gboolean ok = text != NULL && config_read_string (&parsed, text->text->str) == CONFIG_TRUE;
  const config_setting_t *setting = ok ? config_lookup (&parsed, "value") : NULL;
  SatchelConfigReader reader = { .problems = problems, .conf_dir = conf_dir, .text = text };
  ok = setting != NULL && satchel_config_value_read (&reader, row, row->key, setting, value);
  config_destroy (&parsed);
  return ok;
}

static void
set_default (const SatchelConfigRow *row, const char *conf_dir, SatchelConfigValue *value)
{
  g_autofree char *why = NULL;
  value->key = g_strdup (row->key);
  value->type = row->type;
  value->flags = row->flags;
  if (row->default_value != NULL)
    {
      gboolean is_list = row->type == SATCHEL_CONFIG_STRINGS || row->type == SATCHEL_CONFIG_GROUPS;
      value->is_set = is_list ? read_default_list (row, conf_dir, value)
                              : satchel_config_scalar_parse (row, row->default_value, value, &why);
      if (!value->is_set)
        g_critical ("setting %s: its default does not fit its own row%s%s", row->key, why != NULL ? ": " : "",
                    why != NULL ? why : "");
      if (row->type == SATCHEL_CONFIG_PATH && value->string != NULL)
        {
          g_autofree char *path = g_steal_pointer (&value->string);
          value->string = make_absolute (path, conf_dir);
        }
    }
  g_free (value->origin);
  value->origin = g_strdup ("default");
}

SatchelConfig *
satchel_config_new_from_rows (const char *name, const SatchelConfigRow *rows, gboolean add_enabled,
                              const char *conf_dir)
{
  guint n = 0, first = add_enabled ? 1 : 0;
  while (rows != NULL && rows[n].key != NULL)
    n++;
  SatchelConfig *config = satchel_config_new (name, n + first);
  if (add_enabled)
    set_default (&satchel_config_enabled_row, conf_dir, &config->values[0]);
  for (guint i = 0; i < n; i++)
    set_default (&rows[i], conf_dir, &config->values[first + i]);
  return config;
}
