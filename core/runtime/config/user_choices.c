/* SPDX-License-Identifier: MIT
 * This file keeps choices of a setting that differ for single users and domains.
 */
#include "config.h"

#include <satchel/config.h>
#include <satchel/hash.h>
#include <string.h>

struct SatchelUserChoices
{
  GHashTable *choices; /* user or domain, in lower case -> guint */
};

SatchelUserChoices *
satchel_user_choices_new (const SatchelConfig *section, const char *key, const SatchelConfigRow *rows,
                          GError **error)
{
  SatchelUserChoices *own = g_new0 (SatchelUserChoices, 1);
  own->choices = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < satchel_config_n_groups (section, key); i++)
    {
      SatchelUserChoice one = { 0 };
      satchel_config_fill (satchel_config_group (section, key, i), rows, &one);
      if (g_hash_table_replace (own->choices, g_utf8_strdown (one.name, -1), GUINT_TO_POINTER (one.choice)))
        continue;
      satchel_error_set_setting (error, key, "\"%s\" is listed twice; remove one", one.name);
      satchel_user_choices_free (own);
      return NULL;
    }
  return own;
}

void
satchel_user_choices_free (SatchelUserChoices *choices)
{
  if (choices == NULL)
    return;
  g_hash_table_unref (choices->choices);
  g_free (choices);
}

guint
satchel_user_choices_find (const SatchelUserChoices *choices, const char *user, guint otherwise)
{
  g_autofree char *name = g_utf8_strdown (user, -1);
  const char *at = strrchr (name, '@');
  gpointer found;
  if (g_hash_table_lookup_extended (choices->choices, name, NULL, &found)
      || (at != NULL && g_hash_table_lookup_extended (choices->choices, at + 1, NULL, &found)))
    return GPOINTER_TO_UINT (found);
  return otherwise;
}
