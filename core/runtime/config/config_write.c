/* SPDX-License-Identifier: MIT
 * Writes settings as text, for `satchel config dump`.
 */
#include "config.h"

#include <string.h>

#include "core/runtime/config/config_private.h"

const char **
satchel_config_keys (const SatchelConfig *config)
{
  const char **keys = g_new0 (const char *, (gsize) config->n_values + 1);
  for (guint i = 0; i < config->n_values; i++)
    keys[i] = config->values[i].key;
  return keys;
}

SatchelConfigType
satchel_config_type (const SatchelConfig *config, const char *key)
{
  const SatchelConfigValue *value = satchel_config_find (config, key);
  return value != NULL ? value->type : 0;
}

gboolean
satchel_config_is_set (const SatchelConfig *config, const char *key)
{
  const SatchelConfigValue *value = satchel_config_find (config, key);
  return value != NULL && value->is_set;
}

static gboolean
is_plain_secret (const char *secret)
{
  return !g_str_has_prefix (secret, "file:") && !g_str_has_prefix (secret, "credential:")
         && !g_str_has_prefix (secret, "env:");
}

static void
format_strings (char **strings, GString *out)
{
  g_string_append_c (out, '(');
  for (char **p = strings; *p != NULL; p++)
    {
      g_string_append (out, p == strings ? " " : ", ");
      satchel_config_quote (*p, out);
    }
  g_string_append (out, *strings != NULL ? " )" : ")");
}

/* Writes a list of groups, which may be NULL. */
static void
format_groups (const GPtrArray *groups, guint indent, GString *out)
{
  const guint n_groups = groups != NULL ? groups->len : 0;
  g_string_append_c (out, '(');
  for (guint i = 0; i < n_groups; i++)
    {
      const SatchelConfig *group = groups->pdata[i];
      g_string_append_printf (out, "%s\n%*s{", i > 0 ? "," : "", (int) indent + 2, "");
      for (guint k = 0; k < group->n_values; k++)
        if (group->values[k].is_set)
          {
            g_string_append_printf (out, " %s = ", group->values[k].key);
            satchel_config_value_format (group, group->values[k].key, indent + 4, out);
            g_string_append_c (out, ';');
          }
      g_string_append (out, " }");
    }
  if (n_groups > 0)
    g_string_append_printf (out, "\n%*s", (int) indent, "");
  g_string_append_c (out, ')');
}

/* Writes a number as a file has it: alone, or as text in quotes. */
static void
format_number (const SatchelConfigValue *value, gboolean is_quoted, GString *out)
{
  if (is_quoted)
    g_string_append_c (out, '"');
  satchel_config_number_format (value->type, value->number, out);
  if (is_quoted)
    g_string_append_c (out, '"');
  /* libconfig 1.5 cuts a longer number to 32 bits unless L follows it. */
  else if (value->number > G_MAXINT32 || value->number < -G_MAXINT32)
    g_string_append_c (out, 'L');
}

/* Returns the text to show for a secret, borrowed: where it is found, or that it is hidden. */
static const char *
hide_secret (const char *secret)
{
  if (secret == NULL)
    return "";
  return is_plain_secret (secret) ? "(hidden)" : secret;
}

void
satchel_config_value_format (const SatchelConfig *config, const char *key, guint indent, GString *out)
{
  static char *none[] = { NULL };
  const SatchelConfigValue *value = satchel_config_find (config, key);
  g_return_if_fail (value != NULL);
  switch (value->type)
    {
    case SATCHEL_CONFIG_BOOL:
    case SATCHEL_CONFIG_INT:
      format_number (value, FALSE, out);
      break;
    case SATCHEL_CONFIG_SIZE:
    case SATCHEL_CONFIG_DURATION:
    case SATCHEL_CONFIG_MODE:
      format_number (value, TRUE, out);
      break;
    case SATCHEL_CONFIG_SECRET:
      satchel_config_quote (hide_secret (value->string), out);
      break;
    case SATCHEL_CONFIG_STRING:
    case SATCHEL_CONFIG_PATH:
    case SATCHEL_CONFIG_ENUM:
    case SATCHEL_CONFIG_ENDPOINT:
      satchel_config_quote (value->string != NULL ? value->string : "", out);
      break;
    case SATCHEL_CONFIG_STRINGS:
      format_strings (value->strings != NULL ? value->strings : none, out);
      break;
    case SATCHEL_CONFIG_GROUPS:
      format_groups (value->groups, indent, out);
      break;
    }
}
