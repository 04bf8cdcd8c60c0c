/* SPDX-License-Identifier: MIT
 * Lists the settings of group `quota`. A limit comes from the user's attribute, else from the user's row,
 * else from the row of the user's domain, else from the group.
 */
#include "settings.h"

#include <satchel/hash.h>
#include <string.h>

#define RELOAD SATCHEL_CONFIG_RELOADABLE
#define BYTES_MAX (G_GINT64_CONSTANT (1) << 60)
#define MESSAGES_MAX 4000000000
#define WARNINGS_MAX 8u

/* A row of `domains` or `users` has these limits, and so has the group `quota` itself. */
typedef struct LimitSettings
{
  const char *name;
  guint64 bytes; /* 0: no limit */
  guint messages;
} LimitSettings;
typedef struct Settings
{
  LimitSettings of_all;
  guint64 grace_bytes;
  guint grace_percent;
  const char *const *warnings;
} Settings;
#define OF_LIMIT(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, LimitSettings, member)
#define INTO(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, Settings, member)

static const SatchelConfigRow limit_rows[] = {
  { "name", OF_LIMIT (STRING, name), NULL, "Domain, or user with the domain, that has these limits",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { "storage", OF_LIMIT (SIZE, bytes), NULL,
    "Most bytes of mail; 0: no limit; unset: the limit of the domain or of the group quota", .min = 0,
    .max = BYTES_MAX },
  { "messages", OF_LIMIT (INT, messages), NULL,
    "Most messages; 0: no limit; unset: the limit of the domain or of the group quota", .min = 0,
    .max = MESSAGES_MAX },
  { NULL }
};

const SatchelConfigRow quota_schema[] = {
  { "storage", INTO (SIZE, of_all.bytes), "0", "Most bytes of mail that a user may have; 0: no limit",
    .min = 0, .max = BYTES_MAX, .flags = RELOAD },
  { "messages", INTO (INT, of_all.messages), "0", "Most messages that a user may have; 0: no limit", .min = 0,
    .max = MESSAGES_MAX, .flags = RELOAD },
  { "domains", SATCHEL_CONFIG_GROUPS, NULL,
    "Limits for every user of a domain, as { name = \"example.org\"; storage = \"5G\"; }",
    .group = limit_rows, .flags = RELOAD },
  { "users", SATCHEL_CONFIG_GROUPS, NULL,
    "Limits for one user, as { name = \"anna@example.org\"; storage = \"20G\"; messages = 0; }",
    .group = limit_rows, .flags = RELOAD },
  { "grace", INTO (SIZE, grace_bytes), "0", "Bytes by which a delivery may exceed a user's limit", .min = 0,
    .max = BYTES_MAX, .flags = RELOAD },
  { "grace_percent", INTO (INT, grace_percent), "10",
    "Percentage of the limit by which a delivery may exceed it; the larger of grace and grace_percent counts",
    .min = 0, .max = 100, .flags = RELOAD },
  { "warnings", INTO (STRINGS, warnings), "( \"80\", \"95\" )",
    "Percentages of a limit; the log has a line each time that a user's mail grows beyond one of them",
    .flags = RELOAD },
  { NULL }
};

struct QuotaLimits
{
  gatomicrefcount refs;
  SatchelUsage of_all, grace; /* grace.messages is not used */
  guint grace_percent;
  GHashTable *of_domains, *of_users; /* name -> SatchelUsage */
  guint warnings[WARNINGS_MAX], n_warnings;
};

static guint64
or_unlimited (guint64 limit)
{
  return limit == 0 ? SATCHEL_UNLIMITED : limit;
}

const char *const quota_attribute_names[QUOTA_N_RESOURCES] = {
  [QUOTA_STORAGE] = "quota.storage", [QUOTA_MESSAGES] = "quota.messages"
};

gboolean
quota_limit_set (SatchelUsage *limit, QuotaResource resource, const char *text, GError **error)
{
  gint64 number;
  if (!satchel_config_number_parse (&quota_schema[resource], text, &number, error))
    {
      g_prefix_error (error, "%s: ", quota_attribute_names[resource]);
      return FALSE;
    }
  *(resource == QUOTA_STORAGE ? &limit->bytes : &limit->messages) = or_unlimited ((guint64) number);
  return TRUE;
}

static guint64
or_zero (guint64 limit)
{
  return limit == SATCHEL_UNLIMITED ? 0 : limit;
}

static SatchelUsage
usage_of (const LimitSettings *settings)
{
  return (SatchelUsage) { .bytes = or_unlimited (settings->bytes),
                          .messages = or_unlimited (settings->messages) };
}

/* Returns the key of a name: domains and users are compared in lower case, as the server compares user names
 * by default. */
static char *
key_of (const char *name)
{
  g_autofree char *normal = g_utf8_normalize (name, -1, G_NORMALIZE_NFC);
  return g_utf8_strdown (normal != NULL ? normal : name, -1);
}

static SatchelUsage
limit_of_domain (const QuotaLimits *limits, const char *user)
{
  const char *at = strrchr (user, '@');
  const SatchelUsage *found = at != NULL ? g_hash_table_lookup (limits->of_domains, at + 1) : NULL;
  return found != NULL ? *found : limits->of_all;
}

static gboolean
read_rows (QuotaLimits *limits, const SatchelConfig *section, const char *key, GHashTable *table,
           GError **error)
{
  gboolean is_user = table == limits->of_users;
  for (guint i = 0; i < satchel_config_n_groups (section, key); i++)
    {
      const SatchelConfig *row = satchel_config_group (section, key, i);
      LimitSettings settings = { 0 };
      satchel_config_fill (row, limit_rows, &settings);
      g_autofree char *name = key_of (settings.name);
      if ((strchr (name, '@') != NULL) != is_user)
        return satchel_error_set_setting (error, key, "\"%s\" is not %s", name,
                                          is_user ? "a user with a domain (LOCAL@DOMAIN)" : "a domain");
      if (g_hash_table_contains (table, name))
        return satchel_error_set_setting (error, key, "\"%s\" is listed twice; remove one", name);
      SatchelUsage *limit = g_new (SatchelUsage, 1);
      /* A limit that the row does not set stays that of the others. */
      const SatchelUsage others = is_user ? limit_of_domain (limits, name) : limits->of_all;
      settings.bytes = or_zero (others.bytes);
      settings.messages = (guint) or_zero (others.messages);
      satchel_config_fill (row, limit_rows, &settings);
      *limit = usage_of (&settings);
      g_hash_table_insert (table, g_steal_pointer (&name), limit);
    }
  return TRUE;
}

static int
by_number (const void *a, const void *b)
{
  return (int) *(const guint *) a - (int) *(const guint *) b;
}

static gboolean
read_warnings (QuotaLimits *limits, const char *const *warnings, GError **error)
{
  for (const char *const *text = warnings; *text != NULL; text++)
    {
      guint64 percent;
      if (!g_ascii_string_to_unsigned (*text, 10, 1, 100, &percent, NULL))
        return satchel_error_set_setting (error, "warnings", "\"%s\" is not a percentage from 1 to 100",
                                          *text);
      if (limits->n_warnings == WARNINGS_MAX)
        return satchel_error_set_setting (error, "warnings", "there may be at most %u", WARNINGS_MAX);
      limits->warnings[limits->n_warnings++] = (guint) percent;
    }
  qsort (limits->warnings, limits->n_warnings, sizeof limits->warnings[0], by_number);
  return TRUE;
}

QuotaLimits *
quota_limits_new (const SatchelConfig *section, GError **error)
{
  g_autoptr (QuotaLimits) limits = g_new0 (QuotaLimits, 1);
  g_atomic_ref_count_init (&limits->refs);
  limits->of_domains = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, g_free);
  limits->of_users = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, g_free);
  Settings settings = { 0 };
  satchel_config_fill (section, quota_schema, &settings);
  limits->of_all = usage_of (&settings.of_all);
  limits->grace.bytes = settings.grace_bytes;
  limits->grace_percent = settings.grace_percent;
  if (!read_rows (limits, section, "domains", limits->of_domains, error)
      || !read_rows (limits, section, "users", limits->of_users, error)
      || !read_warnings (limits, settings.warnings, error))
    return NULL;
  return g_steal_pointer (&limits);
}

QuotaLimits *
quota_limits_ref (QuotaLimits *limits)
{
  g_atomic_ref_count_inc (&limits->refs);
  return limits;
}

void
quota_limits_unref (QuotaLimits *limits)
{
  if (!g_atomic_ref_count_dec (&limits->refs))
    return;
  g_hash_table_unref (limits->of_domains);
  g_hash_table_unref (limits->of_users);
  g_free (limits);
}

SatchelUsage
quota_limits_find (const QuotaLimits *limits, const char *user)
{
  g_autofree char *key = key_of (user);
  const SatchelUsage *found = g_hash_table_lookup (limits->of_users, key);
  return found != NULL ? *found : limit_of_domain (limits, key);
}

/* Returns @percent of @number, without overflow. */
static guint64
part_of (guint64 number, guint percent, gboolean is_rounded_up)
{
  return number / 100 * percent + (number % 100 * percent + (is_rounded_up ? 99 : 0)) / 100;
}

SatchelUsage
quota_limits_with_grace (const QuotaLimits *limits, SatchelUsage limit)
{
  if (limit.bytes != SATCHEL_UNLIMITED)
    limit.bytes += MAX (limits->grace.bytes, part_of (limit.bytes, limits->grace_percent, FALSE));
  if (limit.messages != SATCHEL_UNLIMITED)
    limit.messages += part_of (limit.messages, limits->grace_percent, FALSE);
  return limit;
}

guint
quota_limits_crossed (const QuotaLimits *limits, guint64 limit, guint64 before, guint64 after)
{
  for (guint i = limits->n_warnings; i > 0 && limit != SATCHEL_UNLIMITED; i--)
    {
      guint64 mark = part_of (limit, limits->warnings[i - 1], TRUE);
      if (before < mark && after >= mark)
        return limits->warnings[i - 1];
    }
  return 0;
}
