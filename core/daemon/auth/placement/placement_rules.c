/* SPDX-License-Identifier: MIT
 * This file applies storage.profiles, storage.rules and storage.slot_by: which stack and which mail process
 * a user gets.
 */
#include "config.h"

#include "core/daemon/auth/placement/placement.h"

#include <satchel/hash.h>
#include <string.h>

typedef struct Profile
{
  const char *name, *driver;
  char **layers; /* NULL: the layers that are enabled */
  SatchelSlotBy slot_by;
} Profile;

typedef struct Rule
{
  char **users, **domains;
  const char *profile, *volume;
} Rule;

struct SatchelPlacementRules
{
  GPtrArray *profiles; /* Profile; the first is the default */
  GPtrArray *rules;    /* Rule */
};

static void
profile_free (gpointer data)
{
  g_strfreev (((Profile *) data)->layers);
  g_free (data);
}

static void
rule_free (gpointer data)
{
  g_strfreev (((Rule *) data)->users);
  g_strfreev (((Rule *) data)->domains);
  g_free (data);
}

/* Returns the copy of @text that lives as long as the process.  Stacks and volumes have few names, shared by
 * many users. */
const char *
satchel_placement_intern (const char *text)
{
  static GHashTable *names;
  if (names == NULL)
    names = g_hash_table_new (satchel_string_hash, g_str_equal);
  if (text == NULL || *text == '\0')
    return "";
  const char *name = g_hash_table_lookup (names, text);
  if (name == NULL)
    {
      char *copy = g_strdup (text);
      g_hash_table_add (names, copy);
      name = copy;
    }
  return name;
}

static SatchelSlotBy
slot_by_of (const char *name, SatchelSlotBy otherwise)
{
  if (name == NULL)
    return otherwise;
  return strcmp (name, "domain") == 0   ? SATCHEL_SLOT_BY_DOMAIN
         : strcmp (name, "volume") == 0 ? SATCHEL_SLOT_BY_VOLUME
                                        : SATCHEL_SLOT_BY_USER;
}

static Profile *
add_profile (SatchelPlacementRules *rules, const char *name, const SatchelConfig *section,
             SatchelSlotBy otherwise)
{
  Profile *profile = g_new0 (Profile, 1);
  profile->name = satchel_placement_intern (name);
  profile->driver = satchel_placement_intern (satchel_config_string (section, "driver"));
  profile->layers = g_strdupv ((char **) satchel_config_strings (section, "layers"));
  profile->slot_by = slot_by_of (satchel_config_string (section, "slot_by"), otherwise);
  g_ptr_array_add (rules->profiles, profile);
  return profile;
}

SatchelPlacementRules *
satchel_placement_rules_new (const SatchelConfigSet *config)
{
  const SatchelConfig *storage = satchel_config_set_group (config, "storage");
  SatchelPlacementRules *rules = g_new0 (SatchelPlacementRules, 1);
  rules->profiles = g_ptr_array_new_with_free_func (profile_free);
  rules->rules = g_ptr_array_new_with_free_func (rule_free);
  Profile *first = add_profile (rules, SATCHEL_DEFAULT_PROFILE, storage, SATCHEL_SLOT_BY_USER);
  if (!satchel_config_is_set (storage, "layers"))
    g_clear_pointer (&first->layers, g_strfreev);
  for (guint i = 0; i < satchel_config_n_groups (storage, "profiles"); i++)
    {
      const SatchelConfig *section = satchel_config_group (storage, "profiles", i);
      add_profile (rules, satchel_config_string (section, "name"), section, first->slot_by);
    }
  for (guint i = 0; i < satchel_config_n_groups (storage, "rules"); i++)
    {
      const SatchelConfig *section = satchel_config_group (storage, "rules", i);
      Rule *rule = g_new0 (Rule, 1);
      rule->users = g_strdupv ((char **) satchel_config_strings (section, "users"));
      rule->domains = g_strdupv ((char **) satchel_config_strings (section, "domains"));
      rule->profile = satchel_placement_intern (satchel_config_string (section, "profile"));
      rule->volume = satchel_placement_intern (satchel_config_string (section, "volume"));
      g_ptr_array_add (rules->rules, rule);
    }
  return rules;
}

void
satchel_placement_rules_free (SatchelPlacementRules *rules)
{
  if (rules == NULL)
    return;
  g_ptr_array_unref (rules->profiles);
  g_ptr_array_unref (rules->rules);
  g_free (rules);
}

gboolean
satchel_placement_rules_exist (const SatchelPlacementRules *rules)
{
  return rules->rules->len > 0;
}

static const Profile *
find_profile (const SatchelPlacementRules *rules, const char *name)
{
  for (guint i = 0; i < rules->profiles->len; i++)
    if (strcmp (((Profile *) rules->profiles->pdata[i])->name, name) == 0)
      return rules->profiles->pdata[i];
  return NULL;
}

gboolean
satchel_placement_rules_set_profile (const SatchelPlacementRules *rules, SatchelPlacement *placement,
                                     const char *name)
{
  const Profile *profile = find_profile (rules, name);
  if (profile == NULL)
    return FALSE;
  placement->profile = profile->name;
  placement->driver = profile->driver;
  return TRUE;
}

/* Where the server compares user names in lower case, a pattern is compared so, too. */
gboolean
satchel_placement_pattern_fits (const char *pattern, const char *user)
{
  if (g_pattern_match_simple (pattern, user))
    return TRUE;
  g_autofree char *lower = g_utf8_strdown (pattern, -1), *lower_user = g_utf8_strdown (user, -1);
  return strcmp (lower_user, user) == 0 && g_pattern_match_simple (lower, user);
}

/* Says whether a rule fits a user. One without users and domains fits everybody. */
static gboolean
rule_fits (const Rule *rule, const char *user)
{
  gboolean has_users = rule->users != NULL && rule->users[0] != NULL,
           has_domains = rule->domains != NULL && rule->domains[0] != NULL;
  for (char **pattern = rule->users; has_users && *pattern != NULL; pattern++)
    if (satchel_placement_pattern_fits (*pattern, user))
      return TRUE;
  for (char **domain = rule->domains; has_domains && *domain != NULL; domain++)
    if (satchel_placement_pattern_fits (*domain, strrchr (user, '@') + 1))
      return TRUE;
  return !has_users && !has_domains;
}

void
satchel_placement_rules_choose (const SatchelPlacementRules *rules, const char *user, SatchelPlacement *ret)
{
  *ret = (SatchelPlacement) { .volume = satchel_placement_intern (NULL),
                              .node = satchel_placement_intern (NULL),
                              .slot = SATCHEL_SLOT_BY_RULE };
  satchel_placement_rules_set_profile (rules, ret, SATCHEL_DEFAULT_PROFILE);
  for (guint i = 0; i < rules->rules->len; i++)
    {
      const Rule *rule = rules->rules->pdata[i];
      if (!rule_fits (rule, user))
        continue;
      satchel_placement_rules_set_profile (rules, ret, rule->profile);
      ret->volume = rule->volume;
      return;
    }
}

gboolean
satchel_placement_rules_is_same (const SatchelPlacementRules *rules, const SatchelPlacement *a,
                                 const SatchelPlacement *b)
{
  const Profile *one = find_profile (rules, a->profile), *other = find_profile (rules, b->profile);
  if (strcmp (a->volume, b->volume) != 0)
    return FALSE;
  if (strcmp (a->profile, b->profile) == 0)
    return TRUE;
  return one != NULL && other != NULL && *one->driver != '\0' && strcmp (one->driver, other->driver) == 0
         && one->layers != NULL && other->layers != NULL
         && g_strv_equal ((const char *const *) one->layers, (const char *const *) other->layers);
}

SatchelSlotBy
satchel_placement_rules_slot_by (const SatchelPlacementRules *rules, const char *name)
{
  const Profile *profile = find_profile (rules, name);
  return profile != NULL ? profile->slot_by : SATCHEL_SLOT_BY_USER;
}

guint
satchel_placement_rules_slot (const SatchelPlacementRules *rules, const SatchelPlacement *placement,
                              const char *user, guint n_slots)
{
  switch (satchel_placement_rules_slot_by (rules, placement->profile))
    {
    case SATCHEL_SLOT_BY_DOMAIN:
      return satchel_placement_hash_slot (strrchr (user, '@') + 1, n_slots);
    case SATCHEL_SLOT_BY_VOLUME:
      {
        /* Two profiles over one driver may share a volume, so the process follows from driver and volume, not
         * from the profile. */
        g_autofree char *volume = g_strdup_printf ("%s/%s", placement->driver, placement->volume);
        return satchel_placement_hash_slot (volume, n_slots);
      }
    case SATCHEL_SLOT_BY_USER:
      break;
    }
  return satchel_placement_hash_slot (user, n_slots);
}
