/* SPDX-License-Identifier: MIT
 * Turns the set of settings into bytes and back. The reader trusts nothing, since the bytes come from
 * another process. Numbers are little-endian; strings have a length before them and are UTF-8 without NUL;
 * counts are checked against the bytes that are left.
 */
#include "config.h"

#include <satchel/hash.h>
#include <string.h>

#include "core/runtime/config/config_private.h"

#define MAGIC "SatCfg01"
#define NESTING_MAX 4u
/* One value takes at least these bytes: two strings, type, flags, two booleans, a number, two counts. */
#define VALUE_MIN 34u

typedef struct Reader
{
  const guint8 *at, *end;
  gboolean failed;
} Reader;

static void
put_u32 (GByteArray *out, guint32 value)
{
  value = GUINT32_TO_LE (value);
  g_byte_array_append (out, (const guint8 *) &value, sizeof value);
}

static void
put_u64 (GByteArray *out, guint64 value)
{
  value = GUINT64_TO_LE (value);
  g_byte_array_append (out, (const guint8 *) &value, sizeof value);
}

static void
put_string (GByteArray *out, const char *string)
{
  gsize len = string != NULL ? strlen (string) : 0;
  put_u32 (out, (guint32) len);
  g_byte_array_append (out, (const guint8 *) string, (guint) len);
}

static void
put_group (GByteArray *out, const SatchelConfig *config)
{
  put_string (out, config->name);
  put_u32 (out, config->n_values);
  for (guint i = 0; i < config->n_values; i++)
    {
      const SatchelConfigValue *value = &config->values[i];
      guint n_strings = value->strings != NULL ? g_strv_length (value->strings) : 0;
      guint n_groups = value->groups != NULL ? value->groups->len : 0;
      guint8 bits[2] = { value->is_set != FALSE, value->string != NULL };
      put_string (out, value->key);
      put_u32 (out, value->type);
      put_u32 (out, value->flags);
      g_byte_array_append (out, bits, sizeof bits);
      put_u64 (out, (guint64) value->number);
      if (value->string != NULL)
        put_string (out, value->string);
      put_string (out, value->origin);
      put_u32 (out, n_strings);
      for (guint k = 0; k < n_strings; k++)
        put_string (out, value->strings[k]);
      put_u32 (out, n_groups);
      for (guint k = 0; k < n_groups; k++)
        put_group (out, value->groups->pdata[k]);
    }
}

GBytes *
satchel_config_set_to_bytes (const SatchelConfigSet *set)
{
  GByteArray *out = g_byte_array_new ();
  g_byte_array_append (out, (const guint8 *) MAGIC, strlen (MAGIC));
  put_u32 (out, g_hash_table_size (set->groups));
  for (char **name = set->names; *name != NULL; name++)
    put_group (out, g_hash_table_lookup (set->groups, *name));
  return g_byte_array_free_to_bytes (out);
}

GBytes *
satchel_config_set_part_to_bytes (const SatchelConfigSet *set, const char *const *names)
{
  GByteArray *out = g_byte_array_new ();
  guint n = 0;
  g_byte_array_append (out, (const guint8 *) MAGIC, strlen (MAGIC));
  put_u32 (out, 0);
  for (const SatchelConfigSchema *schema = satchel_core_schemas; schema->group != NULL; schema++)
    {
      g_autoptr (SatchelConfig) hidden = NULL;
      if (!g_strv_contains (names, schema->group))
        hidden = satchel_config_new_from_rows (schema->group, schema->rows, FALSE, "/");
      put_group (out, hidden != NULL ? hidden : g_hash_table_lookup (set->groups, schema->group));
      n++;
    }
  for (char **name = set->names; *name != NULL; name++)
    {
      gboolean is_core = FALSE;
      for (const SatchelConfigSchema *schema = satchel_core_schemas; schema->group != NULL; schema++)
        is_core = is_core || strcmp (schema->group, *name) == 0;
      if (is_core || !g_strv_contains (names, *name))
        continue;
      put_group (out, g_hash_table_lookup (set->groups, *name));
      n++;
    }
  n = GUINT32_TO_LE (n);
  memcpy (out->data + strlen (MAGIC), &n, sizeof n);
  return g_byte_array_free_to_bytes (out);
}

static gsize
bytes_left (const Reader *reader)
{
  return reader->failed ? 0 : (gsize) (reader->end - reader->at);
}

static gboolean
get_bytes (Reader *reader, void *out, gsize len)
{
  if (bytes_left (reader) < len)
    reader->failed = TRUE;
  else
    {
      memcpy (out, reader->at, len);
      reader->at += len;
    }
  return !reader->failed;
}

static guint32
get_u32 (Reader *reader)
{
  guint32 value;
  return get_bytes (reader, &value, sizeof value) ? GUINT32_FROM_LE (value) : 0;
}

static guint64
get_u64 (Reader *reader)
{
  guint64 value;
  return get_bytes (reader, &value, sizeof value) ? GUINT64_FROM_LE (value) : 0;
}

/* Reads a count of items that have at least @each bytes. */
static guint32
get_count (Reader *reader, gsize each)
{
  guint32 n = get_u32 (reader);
  if (n > bytes_left (reader) / each)
    reader->failed = TRUE;
  return reader->failed ? 0 : n;
}

static char *
get_string (Reader *reader)
{
  guint32 len = get_u32 (reader);
  if (len > bytes_left (reader) || !g_utf8_validate_len ((const char *) reader->at, len, NULL))
    reader->failed = TRUE;
  if (reader->failed)
    return NULL;
  char *string = g_strndup ((const char *) reader->at, len);
  reader->at += len;
  return string;
}

static SatchelConfig *get_group (Reader *reader, guint depth);

static gboolean
get_value (Reader *reader, SatchelConfigValue *value, guint depth)
{
  guint8 bits[2] = { 0, 0 };
  value->key = get_string (reader);
  guint32 type = get_u32 (reader);
  value->flags = get_u32 (reader);
  get_bytes (reader, bits, sizeof bits);
  value->number = (gint64) get_u64 (reader);
  if (type < SATCHEL_CONFIG_BOOL || type > SATCHEL_CONFIG_ENDPOINT || bits[0] > 1 || bits[1] > 1)
    reader->failed = TRUE;
  if (reader->failed)
    return FALSE;
  value->type = type;
  value->is_set = bits[0];
  value->string = bits[1] ? get_string (reader) : NULL;
  value->origin = get_string (reader);
  guint32 n_strings = get_count (reader, 4);
  if (type == SATCHEL_CONFIG_STRINGS)
    value->strings = g_new0 (char *, (gsize) n_strings + 1);
  else if (n_strings > 0)
    reader->failed = TRUE;
  for (guint32 i = 0; i < n_strings && !reader->failed; i++)
    value->strings[i] = get_string (reader);
  guint32 n_groups = get_count (reader, 8);
  if (type == SATCHEL_CONFIG_GROUPS)
    value->groups = g_ptr_array_new_with_free_func ((GDestroyNotify) satchel_config_free);
  else if (n_groups > 0)
    reader->failed = TRUE;
  for (guint32 i = 0; i < n_groups && !reader->failed; i++)
    {
      SatchelConfig *group = get_group (reader, depth + 1);
      if (group != NULL)
        g_ptr_array_add (value->groups, group);
    }
  return !reader->failed;
}

static SatchelConfig *
get_group (Reader *reader, guint depth)
{
  if (depth > NESTING_MAX)
    reader->failed = TRUE;
  g_autofree char *name = get_string (reader);
  guint32 n_values = get_count (reader, VALUE_MIN);
  if (reader->failed)
    return NULL;
  /* The array grows with each value, so a false count costs no memory. */
  g_autoptr (GArray) values = g_array_new (FALSE, TRUE, sizeof (SatchelConfigValue));
  g_array_set_clear_func (values, (GDestroyNotify) satchel_config_value_clear);
  for (guint32 i = 0; i < n_values && !reader->failed; i++)
    {
      g_array_set_size (values, i + 1);
      get_value (reader, &g_array_index (values, SatchelConfigValue, i), depth);
    }
  if (reader->failed)
    return NULL;
  SatchelConfig *config = satchel_config_new (name, n_values);
  if (n_values > 0)
    memcpy (config->values, values->data, n_values * sizeof (SatchelConfigValue));
  g_array_set_clear_func (values, NULL);
  return config;
}

SatchelConfigSet *
satchel_config_set_from_bytes (GBytes *bytes, GError **error)
{
  gsize len;
  const guint8 *data = g_bytes_get_data (bytes, &len);
  Reader reader = { .at = data, .end = data + len };
  char magic[sizeof MAGIC - 1];
  if (len > SATCHEL_CONFIG_IMAGE_MAX || len < sizeof magic || !get_bytes (&reader, magic, sizeof magic)
      || memcmp (magic, MAGIC, sizeof magic) != 0)
    {
      satchel_error_set (error, SATCHEL_ERROR_INVALID,
                         "this is not the image of a configuration, or it is one of another version");
      return NULL;
    }
  g_autoptr (GHashTable) groups =
      g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, (GDestroyNotify) satchel_config_free);
  guint32 n_groups = get_count (&reader, 8);
  for (guint32 i = 0; i < n_groups && !reader.failed; i++)
    {
      SatchelConfig *config = get_group (&reader, 0);
      if (config != NULL)
        g_hash_table_replace (groups, g_strdup (config->name), config);
    }
  /* The core asks for its own groups without checking that they exist. */
  for (const SatchelConfigSchema *schema = satchel_core_schemas; schema->group != NULL && !reader.failed;
       schema++)
    {
      const SatchelConfig *config = g_hash_table_lookup (groups, schema->group);
      for (const SatchelConfigRow *row = schema->rows; row->key != NULL && !reader.failed; row++)
        {
          const SatchelConfigValue *value = config != NULL ? satchel_config_find (config, row->key) : NULL;
          reader.failed = value == NULL || value->type != row->type;
        }
    }
  if (reader.failed || bytes_left (&reader) > 0)
    {
      satchel_error_set (error, SATCHEL_ERROR_INVALID, "the image of the configuration is damaged");
      return NULL;
    }
  return satchel_config_set_new (g_steal_pointer (&groups));
}

static gboolean values_differ (const SatchelConfigValue *a, const SatchelConfigValue *b);

static gboolean
groups_differ (const SatchelConfig *a, const SatchelConfig *b)
{
  if (a->n_values != b->n_values)
    return TRUE;
  for (guint i = 0; i < a->n_values; i++)
    if (strcmp (a->values[i].key, b->values[i].key) != 0 || values_differ (&a->values[i], &b->values[i]))
      return TRUE;
  return FALSE;
}

static gboolean
values_differ (const SatchelConfigValue *a, const SatchelConfigValue *b)
{
  static const char *const none[] = { NULL };
  const char *const *a_strings = a->strings != NULL ? (const char *const *) a->strings : none;
  const char *const *b_strings = b->strings != NULL ? (const char *const *) b->strings : none;
  guint n = a->groups != NULL ? a->groups->len : 0;
  gboolean is_number =
      a->type == SATCHEL_CONFIG_SIZE || a->type == SATCHEL_CONFIG_DURATION || a->type == SATCHEL_CONFIG_MODE;
  if (a->type != b->type || a->is_set != b->is_set || a->number != b->number
      || !g_strv_equal (a_strings, b_strings) || n != (b->groups != NULL ? b->groups->len : 0))
    return TRUE;
  /* "1h" and "60m" are the same value. */
  if (!is_number && a->type != SATCHEL_CONFIG_BOOL && a->type != SATCHEL_CONFIG_INT
      && g_strcmp0 (a->string, b->string) != 0)
    return TRUE;
  for (guint i = 0; i < n; i++)
    if (groups_differ (a->groups->pdata[i], b->groups->pdata[i]))
      return TRUE;
  return FALSE;
}

char **
satchel_config_set_compare (const SatchelConfigSet *before, const SatchelConfigSet *after,
                            gboolean only_fixed)
{
  GPtrArray *changed = g_ptr_array_new ();
  for (char **name = after->names; *name != NULL; name++)
    {
      const SatchelConfig *now = g_hash_table_lookup (after->groups, *name);
      const SatchelConfig *old = g_hash_table_lookup (before->groups, *name);
      for (guint i = 0; i < now->n_values; i++)
        {
          const SatchelConfigValue *value = &now->values[i];
          const SatchelConfigValue *was = old != NULL ? satchel_config_find (old, value->key) : NULL;
          /* If a group was not named before, only values other than the defaults have changed. */
          gboolean differs =
              was != NULL ? values_differ (value, was) : g_strcmp0 (value->origin, "default") != 0;
          if (differs && !(only_fixed && (value->flags & SATCHEL_CONFIG_RELOADABLE) != 0))
            g_ptr_array_add (changed, g_strdup_printf ("%s.%s", *name, value->key));
        }
    }
  for (char **name = before->names; *name != NULL; name++)
    if (!g_hash_table_contains (after->groups, *name) && satchel_config_set_is_enabled (before, *name))
      g_ptr_array_add (changed, g_strdup_printf ("%s.enabled", *name));
  g_ptr_array_add (changed, NULL);
  return (char **) g_ptr_array_free (changed, FALSE);
}
