/* SPDX-License-Identifier: MIT
 * Keeps groups of settings in memory, and has the getters of include/satchel/config.h.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <satchel/retry.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fd.h"
#include "core/runtime/config/config_private.h"
#include "core/base/json.h"

#define SECRET_MAX 65536u

SatchelConfig *
satchel_config_new (const char *name, guint n_values)
{
  SatchelConfig *config = g_new0 (SatchelConfig, 1);
  config->name = g_strdup (name);
  config->values = g_new0 (SatchelConfigValue, n_values);
  config->n_values = n_values;
  return config;
}

void
satchel_config_value_clear (SatchelConfigValue *value)
{
  if (value->type == SATCHEL_CONFIG_SECRET)
    satchel_secret_free (value->string);
  else
    g_free (value->string);
  g_strfreev (value->strings);
  g_clear_pointer (&value->groups, g_ptr_array_unref);
  g_free (value->key);
  g_free (value->origin);
  memset (value, 0, sizeof *value);
}

void
satchel_config_free (SatchelConfig *config)
{
  if (config == NULL)
    return;
  for (guint i = 0; i < config->n_values; i++)
    satchel_config_value_clear (&config->values[i]);
  g_free (config->values);
  g_free (config->name);
  g_free (config);
}

SatchelConfigValue *
satchel_config_find (const SatchelConfig *config, const char *key)
{
  for (guint i = 0; i < config->n_values; i++)
    if (strcmp (config->values[i].key, key) == 0)
      return &config->values[i];
  return NULL;
}

void
satchel_config_settle (const SatchelConfig *config, const char *key, const char *text)
{
  SatchelConfigValue *value = satchel_config_find (config, key);
  g_free (value->string);
  value->string = g_strdup (text);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

const char *
satchel_config_name (const SatchelConfig *config)
{
  return config->name;
}

SatchelConfigState
satchel_config_set_state (const SatchelConfigSet *set)
{
  return set->state;
}

SatchelConfigSet *
satchel_config_set_new (GHashTable *groups)
{
  SatchelConfigSet *set = g_new0 (SatchelConfigSet, 1);
  GPtrArray *names = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer name;
  g_hash_table_iter_init (&iter, groups);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);
  set->groups = groups;
  set->names = (char **) g_ptr_array_free (names, FALSE);
  return set;
}

void
satchel_config_set_free (SatchelConfigSet *set)
{
  if (set == NULL)
    return;
  g_hash_table_unref (set->groups);
  g_strfreev (set->names);
  g_free (set);
}

const SatchelConfig *
satchel_config_set_group (const SatchelConfigSet *set, const char *name)
{
  return g_hash_table_lookup (set->groups, name);
}

gboolean
satchel_config_set_is_enabled (const SatchelConfigSet *set, const char *module)
{
  const SatchelConfig *config = g_hash_table_lookup (set->groups, module);
  const SatchelConfigValue *enabled = config != NULL ? satchel_config_find (config, "enabled") : NULL;
  return enabled != NULL && enabled->type == SATCHEL_CONFIG_BOOL && enabled->number != 0;
}

const char *const *
satchel_config_set_names (const SatchelConfigSet *set)
{
  return (const char *const *) set->names;
}

/* Returns the value of a key, which must exist with one of two types: anything else is a mistake in the
 * caller's code. */
static const SatchelConfigValue *
get_value (const SatchelConfig *config, const char *key, SatchelConfigType type, SatchelConfigType other)
{
  if (config == NULL)
    {
      g_critical ("setting %s asked of no group", key);
      return NULL;
    }
  const SatchelConfigValue *value = satchel_config_find (config, key);
  if (value == NULL || (value->type != type && value->type != other))
    {
      g_critical ("group %s: setting %s has no row of type %d", config->name, key, (int) type);
      return NULL;
    }
  return value;
}

gboolean
satchel_config_bool (const SatchelConfig *config, const char *key)
{
  const SatchelConfigValue *value = get_value (config, key, SATCHEL_CONFIG_BOOL, SATCHEL_CONFIG_BOOL);
  return value != NULL && value->number != 0;
}

gint64
satchel_config_int (const SatchelConfig *config, const char *key)
{
  const SatchelConfigValue *value = get_value (config, key, SATCHEL_CONFIG_INT, SATCHEL_CONFIG_INT);
  return value != NULL ? value->number : 0;
}

const char *
satchel_config_string (const SatchelConfig *config, const char *key)
{
  const SatchelConfigValue *found = config != NULL ? satchel_config_find (config, key) : NULL;
  gboolean is_endpoint = found != NULL && found->type == SATCHEL_CONFIG_ENDPOINT;
  const SatchelConfigValue *value =
      is_endpoint ? found : get_value (config, key, SATCHEL_CONFIG_STRING, SATCHEL_CONFIG_ENUM);
  return value != NULL ? value->string : NULL;
}

guint64
satchel_config_size (const SatchelConfig *config, const char *key)
{
  const SatchelConfigValue *value = get_value (config, key, SATCHEL_CONFIG_SIZE, SATCHEL_CONFIG_SIZE);
  return value != NULL && value->number > 0 ? (guint64) value->number : 0;
}

gint64
satchel_config_duration_ms (const SatchelConfig *config, const char *key)
{
  const SatchelConfigValue *value = get_value (config, key, SATCHEL_CONFIG_DURATION, SATCHEL_CONFIG_DURATION);
  return value != NULL ? value->number : 0;
}

guint
satchel_config_mode (const SatchelConfig *config, const char *key)
{
  const SatchelConfigValue *value = get_value (config, key, SATCHEL_CONFIG_MODE, SATCHEL_CONFIG_MODE);
  return value != NULL ? (guint) value->number : 0;
}

const char *
satchel_config_path (const SatchelConfig *config, const char *key)
{
  const SatchelConfigValue *value = get_value (config, key, SATCHEL_CONFIG_PATH, SATCHEL_CONFIG_PATH);
  return value != NULL ? value->string : NULL;
}

const char *const *
satchel_config_strings (const SatchelConfig *config, const char *key)
{
  static const char *const none[] = { NULL };
  const SatchelConfigValue *value = get_value (config, key, SATCHEL_CONFIG_STRINGS, SATCHEL_CONFIG_STRINGS);
  return value != NULL && value->strings != NULL ? (const char *const *) value->strings : none;
}

guint
satchel_config_n_groups (const SatchelConfig *config, const char *key)
{
  const SatchelConfigValue *value = get_value (config, key, SATCHEL_CONFIG_GROUPS, SATCHEL_CONFIG_GROUPS);
  return value != NULL && value->groups != NULL ? value->groups->len : 0;
}

const SatchelConfig *
satchel_config_group (const SatchelConfig *config, const char *key, guint index)
{
  const SatchelConfigValue *value = get_value (config, key, SATCHEL_CONFIG_GROUPS, SATCHEL_CONFIG_GROUPS);
  g_return_val_if_fail (value != NULL && value->groups != NULL && index < value->groups->len, NULL);
  return value->groups->pdata[index];
}

/* Returns the index of @choice in "a|b|c". */
static guint
find_choice (const char *choices, const char *choice)
{
  guint at = 0;
  gsize len = strlen (choice);
  for (const char *p = choices; strncmp (p, choice, len) != 0 || (p[len] != '|' && p[len] != '\0'); at++)
    {
      p = strchr (p, '|');
      g_return_val_if_fail (p != NULL, 0);
      p++;
    }
  return at;
}

static void
fill_member (const SatchelConfigRow *row, const SatchelConfigValue *value, gpointer member)
{
  static const char *const none[] = { NULL };
  switch (row->type)
    {
    case SATCHEL_CONFIG_BOOL:
      *(gboolean *) member = value->number != 0;
      break;
    case SATCHEL_CONFIG_INT:
      g_return_if_fail (value->number >= 0 && value->number <= G_MAXUINT);
      *(guint *) member = (guint) value->number;
      break;
    case SATCHEL_CONFIG_MODE:
      *(guint *) member = (guint) value->number;
      break;
    case SATCHEL_CONFIG_SIZE:
      *(guint64 *) member = (guint64) value->number;
      break;
    case SATCHEL_CONFIG_DURATION:
      *(gint64 *) member = value->number;
      break;
    case SATCHEL_CONFIG_STRING:
    case SATCHEL_CONFIG_PATH:
    case SATCHEL_CONFIG_ENDPOINT:
      *(const char **) member = value->string;
      break;
    case SATCHEL_CONFIG_ENUM:
      *(guint *) member = find_choice (row->choices, value->string);
      break;
    case SATCHEL_CONFIG_STRINGS:
      *(const char *const **) member = value->strings != NULL ? (const char *const *) value->strings : none;
      break;
    case SATCHEL_CONFIG_SECRET:
    case SATCHEL_CONFIG_GROUPS:
      break;
    }
}

void
satchel_config_fill (const SatchelConfig *config, const SatchelConfigRow *rows, gpointer settings)
{
  g_return_if_fail (config != NULL);
  guint at = 0; /* values have the order of rows */
  for (const SatchelConfigRow *row = rows; row->key != NULL; row++)
    {
      if (row->offset == 0)
        continue;
      guint n_left = config->n_values;
      while (n_left > 0 && strcmp (config->values[at % config->n_values].key, row->key) != 0)
        {
          at++;
          n_left--;
        }
      const SatchelConfigValue *value = n_left > 0 ? &config->values[at++ % config->n_values] : NULL;
      if (value == NULL || value->type != row->type)
        g_critical ("group %s: setting %s has no row of type %d", config->name, row->key, (int) row->type);
      else if (value->is_set || row->type == SATCHEL_CONFIG_STRINGS)
        fill_member (row, value, (char *) settings + row->offset - 1);
    }
}

const char *
satchel_config_origin (const SatchelConfig *config, const char *key)
{
  const SatchelConfigValue *value = config != NULL ? satchel_config_find (config, key) : NULL;
  return value != NULL && value->origin != NULL ? value->origin : "default";
}

void
satchel_secret_free (char *secret)
{
  if (secret == NULL)
    return;
  explicit_bzero (secret, strlen (secret));
  g_free (secret);
}

/* Reads the first line of a secret's file. */
static char *
read_secret_file (const char *path, GError **error)
{
  g_auto (SatchelFd) fd = SATCHEL_RETRY (open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat st;
  if (fd < 0)
    {
      satchel_error_set_errno (error, errno, "the secret file %s cannot be read", path);
      return NULL;
    }
  g_autofree char *buffer = NULL;
  if (fstat (fd, &st) != 0)
    satchel_error_set_errno (error, errno, "the secret file %s cannot be read", path);
  else if (!S_ISREG (st.st_mode))
    satchel_error_set (error, SATCHEL_ERROR_INVALID, "the secret file %s is not a regular file", path);
  else if ((st.st_mode & S_IRWXO) != 0)
    satchel_error_set (error, SATCHEL_ERROR_NOPERM,
                       "the secret file %s is open to everyone; run: chmod o= %s", path, path);
  else if (st.st_size > SECRET_MAX)
    satchel_error_set (error, SATCHEL_ERROR_LIMIT, "the secret file %s is larger than %u bytes", path,
                       SECRET_MAX);
  else
    {
      buffer = g_malloc0 (SECRET_MAX + 1);
      (void) satchel_fd_read_all (fd, buffer, SECRET_MAX);
    }
  if (buffer == NULL)
    return NULL;
  char *secret = g_strndup (buffer, strcspn (buffer, "\r\n"));
  explicit_bzero (buffer, SECRET_MAX);
  if (*secret != '\0')
    return secret;
  g_free (secret);
  satchel_error_set (error, SATCHEL_ERROR_INVALID,
                     "the first line of the secret file %s is empty; write the secret there", path);
  return NULL;
}

char *
satchel_config_secret (const SatchelConfig *config, const char *key, GError **error)
{
  const SatchelConfigValue *value = get_value (config, key, SATCHEL_CONFIG_SECRET, SATCHEL_CONFIG_SECRET);
  if (value == NULL || value->string == NULL)
    {
      satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "%s is not set", key);
      return NULL;
    }
  if (g_str_has_prefix (value->string, "file:"))
    return read_secret_file (value->string + strlen ("file:"), error);
  if (g_str_has_prefix (value->string, "credential:"))
    {
      /* systemd sets this variable (systemd.exec(5), LoadCredential=). */
      const char *directory = g_getenv ("CREDENTIALS_DIRECTORY");
      const char *name = value->string + strlen ("credential:");
      if (directory == NULL)
        {
          satchel_error_set (
              error, SATCHEL_ERROR_NONEXISTENT,
              "there is no credential %s: systemd must start the server with LoadCredential=%s:FILE", name,
              name);
          return NULL;
        }
      g_autofree char *path = g_build_filename (directory, name, NULL);
      return read_secret_file (path, error);
    }
  if (g_str_has_prefix (value->string, "env:"))
    {
      const char *found = g_getenv (value->string + strlen ("env:"));
      if (found == NULL || *found == '\0')
        satchel_error_set (error, SATCHEL_ERROR_NONEXISTENT, "the environment variable %s is not set",
                           value->string + strlen ("env:"));
      return found != NULL && *found != '\0' ? g_strdup (found) : NULL;
    }
  return g_strdup (value->string);
}

void
satchel_config_problem_free (SatchelConfigProblem *problem)
{
  if (problem == NULL)
    return;
  g_free (problem->where);
  g_free (problem->setting);
  g_free (problem->text);
  g_free (problem);
}

char *
satchel_config_problem_text (const SatchelConfigProblem *problem)
{
  return g_strdup_printf ("%s%s%s%s", problem->where, *problem->where != '\0' ? ": " : "",
                          problem->is_warning ? "warning: " : "", problem->text);
}

/* Adds file and line of "FILE:LINE", as satchel_config_text_where makes it, or of a file alone. A value of
 * --set is in no file. */
static void
add_place (SatchelJson *json, const char *where)
{
  const char *colon = strrchr (where, ':');
  guint64 line;
  gboolean has_line = colon != NULL && g_ascii_string_to_unsigned (colon + 1, 10, 0, G_MAXINT, &line, NULL);
  g_autofree char *file = has_line ? g_strndup (where, (gsize) (colon - where)) : g_strdup (where);
  satchel_json_text (json, "file", *file != '\0' && !g_str_has_prefix (file, "--set") ? file : NULL);
  if (has_line)
    satchel_json_number (json, "line", (gint64) line);
  else
    satchel_json_text (json, "line", NULL);
}

void
satchel_config_problems_json (const GPtrArray *problems, const char *config_dir, gboolean is_valid,
                              GString *out)
{
  SatchelJson json = { .out = out };
  satchel_json_open (&json, NULL, '{');
  satchel_json_text (&json, "config_dir", config_dir);
  satchel_json_bool (&json, "valid", is_valid);
  satchel_json_open (&json, "problems", '[');
  for (guint i = 0; i < problems->len; i++)
    {
      const SatchelConfigProblem *problem = problems->pdata[i];
      satchel_json_open (&json, NULL, '{');
      satchel_json_text (&json, "severity", problem->is_warning ? "warning" : "error");
      add_place (&json, problem->where);
      satchel_json_text (&json, "setting", *problem->setting != '\0' ? problem->setting : NULL);
      satchel_json_text (&json, "text", problem->text);
      satchel_json_close (&json, '}');
    }
  satchel_json_close (&json, ']');
  satchel_json_close (&json, '}');
  g_string_append_c (out, '\n');
}

static void
add_problem (GPtrArray *problems, gboolean is_warning, char *where, const char *setting, const char *format,
             va_list arguments)
{
  if (problems->len > SATCHEL_CONFIG_PROBLEMS)
    {
      g_free (where);
      return;
    }
  SatchelConfigProblem *problem = g_new0 (SatchelConfigProblem, 1);
  g_ptr_array_add (problems, problem);
  if (problems->len == SATCHEL_CONFIG_PROBLEMS + 1)
    {
      g_free (where);
      problem->where = g_strdup ("");
      problem->setting = g_strdup ("");
      problem->text = g_strdup ("there are more problems; correct these first");
      return;
    }
  /* A quotation from a file may be cut inside a character, or not be text at all. */
  g_autofree char *raw = g_strdup_vprintf (format, arguments);
  problem->text = g_utf8_make_valid (raw, -1);
  problem->where = where != NULL ? where : g_strdup ("");
  problem->setting = g_utf8_make_valid (setting, -1);
  problem->is_warning = is_warning;
}

void
satchel_config_problem_add (GPtrArray *problems, gboolean is_warning, char *where, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  add_problem (problems, is_warning, where, "", format, arguments);
  va_end (arguments);
}

void
satchel_config_problem_add_of (GPtrArray *problems, gboolean is_warning, char *where, const char *setting,
                               const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  add_problem (problems, is_warning, where, setting, format, arguments);
  va_end (arguments);
}

guint
satchel_config_count_errors (GPtrArray *problems)
{
  guint n = 0;
  for (guint i = 0; i < problems->len; i++)
    n += !((const SatchelConfigProblem *) problems->pdata[i])->is_warning;
  return n;
}
