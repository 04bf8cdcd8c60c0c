/* SPDX-License-Identifier: MIT
 * Parses options of admin commands, which are tables of settings given on the command line.
 */
#include "config.h"

#include "core/runtime/loader/admin_options.h"

#include <string.h>

#include "core/runtime/config/config_private.h"

#define COMMANDS_MAX 100u

static gboolean
is_name (const char *name)
{
  return name != NULL && g_ascii_islower (*name) && strlen (name) <= 32
         && strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen (name);
}

/* Says whether every command has an option of this name, or the command line itself takes it. */
static gboolean
is_taken (const char *name)
{
  static const char *const taken[] = { "json", "help", "version", "set", NULL };
  return g_strv_contains (taken, name) || g_str_has_suffix (name, "-dir");
}

static gboolean
fits_itself (const SatchelConfigRow *row)
{
  SatchelConfigValue value = { .type = row->type };
  g_autofree char *why = NULL;
  gboolean fits =
      row->default_value == NULL || satchel_config_scalar_parse (row, row->default_value, &value, &why);
  satchel_config_value_clear (&value);
  return fits;
}

static gboolean
is_option (const SatchelConfigRow *row)
{
  switch (row->type)
    {
    case SATCHEL_CONFIG_BOOL:
      return row->default_value == NULL || strcmp (row->default_value, "false") == 0;
    case SATCHEL_CONFIG_INT:
    case SATCHEL_CONFIG_STRING:
    case SATCHEL_CONFIG_SIZE:
    case SATCHEL_CONFIG_DURATION:
      return TRUE;
    case SATCHEL_CONFIG_ENUM:
      return row->choices != NULL;
    case SATCHEL_CONFIG_MODE:
    case SATCHEL_CONFIG_PATH:
    case SATCHEL_CONFIG_SECRET:
    case SATCHEL_CONFIG_STRINGS:
    case SATCHEL_CONFIG_GROUPS:
    case SATCHEL_CONFIG_ENDPOINT:
      return FALSE;
    }
  return FALSE;
}

static gboolean
names_operand (const SatchelAdminCommand *command)
{
  return command->size >= offsetof (SatchelAdminCommand, operand) + sizeof command->operand
         && command->operand != NULL;
}

const SatchelConfigRow *
satchel_admin_operand (const SatchelAdminCommand *command)
{
  return names_operand (command) && command->options != NULL
             ? satchel_config_find_row (command->options, command->operand)
             : NULL;
}

static gboolean
check_options (const SatchelAdminCommand *command, const char *who, GError **error)
{
  const SatchelConfigRow *row = command->options;
  for (guint n = 0; row != NULL && row->key != NULL; row++, n++)
    if (n >= SATCHEL_ADMIN_OPTIONS_MAX || !is_name (row->key) || is_taken (row->key) || row->help == NULL
        || row->min > row->max || !is_option (row) || !fits_itself (row))
      return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                                "%s: the option \"%.64s\" of its command \"%s\" is not valid; ask its author",
                                who, row->key, command->name);
  const SatchelConfigRow *operand = satchel_admin_operand (command);
  if (names_operand (command) && (operand == NULL || operand->type != SATCHEL_CONFIG_STRING))
    return satchel_error_set (
        error, SATCHEL_ERROR_INVALID,
        "%s: its command \"%s\" takes a word for an option that is not there; ask its author", who,
        command->name);
  return TRUE;
}

gboolean
satchel_admin_check_table (const SatchelModule *module, const SatchelProvides *provides, const char *who,
                           GError **error)
{
  const SatchelAdminOps *ops = provides->ops;
  const char *group = provides->name != NULL ? provides->name : module->name;
  if (!is_name (group))
    return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                              "%s: its admin commands need a name of small letters, digits and '-'; ask its "
                              "author",
                              who);
  for (guint i = 0; ops->commands[i] != NULL; i++)
    {
      const SatchelAdminCommand *command = ops->commands[i];
      if (i >= COMMANDS_MAX || command->size < offsetof (SatchelAdminCommand, run) + sizeof command->run
          || !is_name (command->name) || command->summary == NULL || command->run == NULL)
        return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                                  "%s: its %u. admin command is not complete; ask its author", who, i + 1);
      gboolean in_auth = satchel_admin_is_in_auth (command);
      if ((module->roles & (in_auth ? SATCHEL_ROLE_AUTH : SATCHEL_ROLE_MAIL)) == 0)
        return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                                  "%s: its admin command \"%s\" needs the role %s; ask its author", who,
                                  command->name, in_auth ? "auth" : "mail");
      if (!check_options (command, who, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
satchel_admin_is_in_auth (const SatchelAdminCommand *command)
{
  return command->size >= offsetof (SatchelAdminCommand, in_auth) + sizeof command->in_auth
         && command->in_auth;
}

const SatchelAdminCommand *
satchel_admin_find (const SatchelAdminOps *ops, const char *name)
{
  for (guint i = 0; ops->commands[i] != NULL; i++)
    if (strcmp (ops->commands[i]->name, name) == 0)
      return ops->commands[i];
  return NULL;
}

/* Takes advice about quotes out of a message, since it is about files. */
static char *
without_quotes (char *why)
{
  static const char *const asides[] = { ", without quotes", ", in quotes," };
  for (guint i = 0; i < G_N_ELEMENTS (asides); i++)
    {
      char *at = strstr (why, asides[i]);
      if (at != NULL)
        memmove (at, at + strlen (asides[i]), strlen (at + strlen (asides[i])) + 1);
    }
  return why;
}

static gboolean
take_word (const SatchelAdminCommand *command, SatchelConfig *options, const char *word, GError **error)
{
  const char *equals = strchr (word, '=');
  g_autofree char *name = equals != NULL ? g_strndup (word, (gsize) (equals - word)) : NULL, *why = NULL;
  const SatchelConfigRow *row =
      name != NULL && command->options != NULL ? satchel_config_find_row (command->options, name) : NULL;
  if (row == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "--%.64s: no such option here",
                              name != NULL ? name : word);
  SatchelConfigValue *value = satchel_config_find (options, name);
  /* An option without a value means true by being there. */
  gboolean is_flag = row->type == SATCHEL_CONFIG_BOOL && equals[1] == '\0';
  if (!satchel_config_scalar_parse (row, is_flag ? "true" : equals + 1, value, &why))
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "--%s: %s", name, without_quotes (why));
  value->is_set = TRUE;
  return TRUE;
}

SatchelConfig *
satchel_admin_parse_options (const SatchelAdminCommand *command, const char *const *words, GError **error)
{
  g_autoptr (SatchelConfig) options =
      satchel_config_new_from_rows (command->name, command->options, FALSE, "/");
  for (; words != NULL && *words != NULL; words++)
    if (!take_word (command, options, *words, error))
      return NULL;
  for (const SatchelConfigRow *row = command->options; row != NULL && row->key != NULL; row++)
    if ((row->flags & SATCHEL_CONFIG_REQUIRED) != 0 && !satchel_config_find (options, row->key)->is_set)
      {
        satchel_error_set (error, SATCHEL_ERROR_INVALID, "--%s is missing: %s", row->key, row->help);
        return NULL;
      }
  return g_steal_pointer (&options);
}

void
satchel_admin_options_free (SatchelConfig *options)
{
  satchel_config_free (options);
}
