/* SPDX-License-Identifier: MIT
 * Settings of group `retention`.
 */
#include "settings.h"

#include <satchel/hash.h>
#include <satchel/log.h>
#include <satchel/mailbox_name.h>
#include <string.h>

#define RELOAD SATCHEL_CONFIG_RELOADABLE
#define BYTES_MAX (G_GINT64_CONSTANT (1) << 60)
#define AGE_MIN SATCHEL_HOURS (1)
#define AGE_MAX SATCHEL_DAYS (36500)

/* A row of `domains` or `users` has these limits, and so has the group itself. */
typedef struct LimitSettings
{
  const char *name, *age;
  guint64 storage_bytes, daily_bytes; /* 0: no limit */
  gboolean is_hidden;
} LimitSettings;
typedef struct PatternSettings
{
  const char *mailbox, *age;
} PatternSettings;
typedef struct GroupSettings
{
  LimitSettings of_all;
  gboolean drops_oldest;
  gint64 drafts_ms;
} GroupSettings;
#define OF_LIMIT(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, LimitSettings, member)
#define OF_PATTERN(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, PatternSettings, member)
#define INTO(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, GroupSettings, member)

static const SatchelConfigRow limit_rows[] = {
  { "name", OF_LIMIT (STRING, name), NULL, "Domain, or user with the domain, that this is for",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { "age", OF_LIMIT (STRING, age), NULL, "How long removed mail is kept, such as \"30d\", or \"forever\"" },
  { "storage", OF_LIMIT (SIZE, storage_bytes), NULL, "Most bytes that are kept; 0: no limit", .min = 0,
    .max = BYTES_MAX },
  { "daily", OF_LIMIT (SIZE, daily_bytes), NULL,
    "Most bytes that a user may remove within 24 hours; 0: no limit", .min = 0, .max = BYTES_MAX },
  { "hidden", OF_LIMIT (BOOL, is_hidden), NULL, "Clients do not see what is kept" },
  { NULL }
};
static const SatchelConfigRow age_rows[] = {
  { "mailbox", OF_PATTERN (STRING, mailbox), NULL,
    "Mailboxes, as a pattern of LIST with / between levels (\"Lists/*\")", .flags = SATCHEL_CONFIG_REQUIRED },
  { "age", OF_PATTERN (STRING, age), NULL, "How long what was removed from there is kept, or \"forever\"",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { NULL }
};
static const SatchelConfigRow expiry_rows[] = {
  { "mailbox", OF_PATTERN (STRING, mailbox), NULL,
    "\"\\\\Junk\", \"\\\\Trash\", or a pattern of LIST with / between levels",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { "age", OF_PATTERN (STRING, age), NULL, "How long mail stays there, such as \"30d\"",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { NULL }
};

const SatchelConfigRow retention_schema[] = {
  { "name", SATCHEL_CONFIG_STRING, "Recently Deleted",
    "Name of the folder under which clients see what was removed" },
  { "age", INTO (STRING, of_all.age), "30d",
    "How long removed mail is kept, at least 1h; \"forever\": until an administrator purges it",
    .flags = RELOAD },
  { "storage", INTO (SIZE, of_all.storage_bytes), "0",
    "Most bytes that are kept of a user; removals beyond that are refused; 0: no limit", .min = 0,
    .max = BYTES_MAX, .flags = RELOAD },
  { "drop_oldest", INTO (BOOL, drops_oldest), "false",
    "At the limit of storage, drop what was removed first in place of refusing; whoever has the password can "
    "then empty the folder by filling it",
    .flags = RELOAD },
  { "daily", INTO (SIZE, of_all.daily_bytes), "10G",
    "Most bytes that a user may remove within 24 hours; removals beyond that are refused; 0: no limit",
    .min = 0, .max = BYTES_MAX, .flags = RELOAD },
  { "hidden", INTO (BOOL, of_all.is_hidden), "false", "Clients do not see what is kept" },
  { "drafts", INTO (DURATION, drafts_ms), "10m",
    "A draft that a client stored and replaces within this time is not kept; 0: every draft is", .min = 0,
    .max = SATCHEL_HOURS (1), .flags = RELOAD },
  { "domains", SATCHEL_CONFIG_GROUPS, NULL,
    "Other values for every user of a domain, as { name = \"example.org\"; age = \"90d\"; }",
    .group = limit_rows, .flags = RELOAD },
  { "users", SATCHEL_CONFIG_GROUPS, NULL,
    "Other values for one user, as { name = \"anna@example.org\"; age = \"forever\"; }", .group = limit_rows,
    .flags = RELOAD },
  { "mailboxes", SATCHEL_CONFIG_GROUPS, NULL,
    "Other ages for mailboxes of all users, the first that fits, as { mailbox = \"Junk\"; age = \"7d\"; }",
    .group = age_rows, .flags = RELOAD },
  { "expire", SATCHEL_CONFIG_GROUPS, NULL,
    "Mail that is removed by itself, as { mailbox = \"\\\\Trash\"; age = \"30d\"; }; it is kept like other "
    "removed mail",
    .group = expiry_rows, .flags = RELOAD },
  { NULL }
};

/* This is how an age is read that is not "forever". */
static const SatchelConfigRow age_row = { "age", SATCHEL_CONFIG_DURATION, NULL,
                                          "Age", .min = AGE_MIN,          .max = AGE_MAX };
static const SatchelConfigRow size_row = { "size",   SATCHEL_CONFIG_SIZE, NULL, "Size",
                                           .min = 0, .max = BYTES_MAX };

struct RetentionSettings
{
  gatomicrefcount refs;
  char *name;
  RetentionLimits of_all;
  gboolean drops_oldest;
  gint64 draft_s;
  GHashTable *of_domains, *of_users; /* name -> RetentionLimits */
  GPtrArray *ages, *expiries;        /* RetentionExpiry */
};

static gboolean
parse_age (const char *text, gboolean may_be_forever, gint64 *ret_age_s, GError **error)
{
  gint64 age_ms;
  if (may_be_forever && strcmp (text, "forever") == 0)
    {
      *ret_age_s = RETENTION_FOREVER;
      return TRUE;
    }
  if (!satchel_config_number_parse (&age_row, text, &age_ms, error))
    return FALSE;
  *ret_age_s = age_ms / 1000;
  return TRUE;
}

static guint64
or_unlimited (guint64 limit)
{
  return limit == 0 ? G_MAXUINT64 : limit;
}

static guint64
or_zero (guint64 limit)
{
  return limit == G_MAXUINT64 ? 0 : limit;
}

/* Reads the limits of a row.  @key is the setting that errors name if an age is wrong. */
static gboolean
read_limits (const LimitSettings *settings, const char *key, RetentionLimits *limits, GError **error)
{
  limits->storage_bytes = or_unlimited (settings->storage_bytes);
  limits->daily_bytes = or_unlimited (settings->daily_bytes);
  limits->is_hidden = settings->is_hidden;
  return settings->age == NULL || parse_age (settings->age, TRUE, &limits->age_s, error)
         || satchel_error_blame_setting (error, key);
}

/* ---- rows ---- */

/* Returns the key of a name: domains and users are compared in lower case, as the server compares user names
 * by default. */
static char *
key_of (const char *name)
{
  g_autofree char *normal = g_utf8_normalize (name, -1, G_NORMALIZE_NFC);
  return g_utf8_strdown (normal != NULL ? normal : name, -1);
}

static const RetentionLimits *
limits_of_domain (const RetentionSettings *settings, const char *user)
{
  const char *at = strrchr (user, '@');
  const RetentionLimits *found = at != NULL ? g_hash_table_lookup (settings->of_domains, at + 1) : NULL;
  return found != NULL ? found : &settings->of_all;
}

static gboolean
read_row (RetentionSettings *all, const SatchelConfig *row, const char *key, GHashTable *table,
          GError **error)
{
  gboolean is_user = table == all->of_users;
  LimitSettings settings = { 0 };
  satchel_config_fill (row, limit_rows, &settings);
  g_autofree char *name = key_of (settings.name);
  if ((strchr (name, '@') != NULL) != is_user)
    return satchel_error_set_setting (error, key, "\"%s\" is not %s", name,
                                      is_user ? "a user with a domain (LOCAL@DOMAIN)" : "a domain");
  if (g_hash_table_contains (table, name))
    return satchel_error_set_setting (error, key, "\"%s\" is listed twice; remove one", name);
  /* What the row does not set stays as it is for others. */
  g_autofree RetentionLimits *limits = g_new (RetentionLimits, 1);
  *limits = is_user ? *limits_of_domain (all, name) : all->of_all;
  settings = (LimitSettings) { .storage_bytes = or_zero (limits->storage_bytes),
                               .daily_bytes = or_zero (limits->daily_bytes),
                               .is_hidden = limits->is_hidden };
  satchel_config_fill (row, limit_rows, &settings);
  if (!read_limits (&settings, key, limits, error))
    return FALSE;
  g_hash_table_insert (table, g_steal_pointer (&name), g_steal_pointer (&limits));
  return TRUE;
}

static gboolean
read_rows (RetentionSettings *all, const SatchelConfig *section, const char *key, GHashTable *table,
           GError **error)
{
  for (guint i = 0; i < satchel_config_n_groups (section, key); i++)
    if (!read_row (all, satchel_config_group (section, key, i), key, table, error))
      return FALSE;
  return TRUE;
}

static guint
special_use_of (const char *text)
{
  if (g_ascii_strcasecmp (text, "\\Junk") == 0)
    return SATCHEL_USE_JUNK;
  return g_ascii_strcasecmp (text, "\\Trash") == 0 ? SATCHEL_USE_TRASH : 0;
}

static void
expiry_free (gpointer data)
{
  g_free (((RetentionExpiry *) data)->pattern);
  g_free (data);
}

static gboolean
read_patterns (GPtrArray *patterns, const SatchelConfig *section, const char *key, gboolean is_expiry,
               GError **error)
{
  for (guint i = 0; i < satchel_config_n_groups (section, key); i++)
    {
      PatternSettings settings = { 0 };
      satchel_config_fill (satchel_config_group (section, key, i), is_expiry ? expiry_rows : age_rows,
                           &settings);
      RetentionExpiry *expiry = g_new0 (RetentionExpiry, 1);
      g_ptr_array_add (patterns, expiry);
      expiry->pattern = g_strdup (settings.mailbox);
      expiry->special_use = is_expiry ? special_use_of (settings.mailbox) : 0;
      if (expiry->special_use == 0 && settings.mailbox[0] == '\\')
        return satchel_error_set_setting (error, key, "\"%s\" is none of %s", settings.mailbox,
                                          is_expiry ? "\\Junk and \\Trash" : "the user's mailboxes");
      if (!parse_age (settings.age, !is_expiry, &expiry->age_s, error))
        return satchel_error_blame_setting (error, key);
    }
  return TRUE;
}

static gboolean
read_name (RetentionSettings *all, const char *name, GError **error)
{
  all->name = satchel_mailbox_name_normalise (name, strlen (name), error);
  if (all->name == NULL)
    return satchel_error_blame_setting (error, "name");
  if (strcmp (all->name, "INBOX") == 0 || g_str_has_prefix (all->name, "INBOX/"))
    return satchel_error_set_setting (error, "name", "INBOX is the user's own; choose another name");
  return TRUE;
}

RetentionSettings *
retention_settings_new (const SatchelConfig *section, GError **error)
{
  g_autoptr (RetentionSettings) all = g_new0 (RetentionSettings, 1);
  GroupSettings group = { 0 };
  g_atomic_ref_count_init (&all->refs);
  all->of_domains = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, g_free);
  all->of_users = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, g_free);
  all->ages = g_ptr_array_new_with_free_func (expiry_free);
  all->expiries = g_ptr_array_new_with_free_func (expiry_free);
  satchel_config_fill (section, retention_schema, &group);
  all->drops_oldest = group.drops_oldest;
  all->draft_s = group.drafts_ms / 1000;
  if (!read_name (all, satchel_config_string (section, "name"), error)
      || !read_limits (&group.of_all, "age", &all->of_all, error)
      || !read_rows (all, section, "domains", all->of_domains, error)
      || !read_rows (all, section, "users", all->of_users, error)
      || !read_patterns (all->ages, section, "mailboxes", FALSE, error)
      || !read_patterns (all->expiries, section, "expire", TRUE, error))
    return NULL;
  return g_steal_pointer (&all);
}

RetentionSettings *
retention_settings_ref (RetentionSettings *settings)
{
  g_atomic_ref_count_inc (&settings->refs);
  return settings;
}

void
retention_settings_unref (RetentionSettings *settings)
{
  if (!g_atomic_ref_count_dec (&settings->refs))
    return;
  g_hash_table_unref (settings->of_domains);
  g_hash_table_unref (settings->of_users);
  g_ptr_array_unref (settings->ages);
  g_ptr_array_unref (settings->expiries);
  g_free (settings->name);
  g_free (settings);
}

/* ---- in force ---- */

static GMutex lock;
static RetentionSettings *in_force;

void
retention_settings_put (RetentionSettings *settings)
{
  g_mutex_lock (&lock);
  RetentionSettings *old = in_force;
  in_force = settings;
  g_mutex_unlock (&lock);
  g_clear_pointer (&old, retention_settings_unref);
}

RetentionSettings *
retention_settings_current (GError **error)
{
  g_mutex_lock (&lock);
  RetentionSettings *current = in_force != NULL ? retention_settings_ref (in_force) : NULL;
  g_mutex_unlock (&lock);
  if (current == NULL)
    satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE,
                       "module retention has no settings in force, since it is starting or stopping");
  return current;
}

/* ---- of one user ---- */

static gboolean
read_attribute (RetentionLimits *limits, const char *name, const char *text, GError **error)
{
  gint64 number;
  if (strcmp (name, "retention.age") == 0)
    return parse_age (text, TRUE, &limits->age_s, error);
  if (!satchel_config_number_parse (&size_row, text, &number, error))
    return FALSE;
  *(strcmp (name, "retention.storage") == 0 ? &limits->storage_bytes : &limits->daily_bytes) =
      or_unlimited ((guint64) number);
  return TRUE;
}

RetentionLimits
retention_limits_of (const RetentionSettings *settings, SatchelStorage *storage)
{
  static const char *const names[] = { "retention.age", "retention.storage", "retention.daily" };
  g_autofree char *key = key_of (storage->identity->user);
  const RetentionLimits *found = g_hash_table_lookup (settings->of_users, key);
  RetentionLimits limits = found != NULL ? *found : *limits_of_domain (settings, key);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *text = satchel_storage_user_attribute (storage, names[i]);
      if (text == NULL || read_attribute (&limits, names[i], text, &error) || !satchel_error_is_news (error))
        continue;
      g_autoptr (GString) line = g_string_new ("attribute not used:");
      satchel_log_field (line, "user", storage->identity->user);
      satchel_log_field (line, "attribute", names[i]);
      satchel_log_field (line, "reason", error->message);
      satchel_log (SATCHEL_LOG_ERROR, "retention", "%s", line->str);
    }
  return limits;
}

gint64
retention_age_of (const RetentionSettings *settings, const RetentionLimits *limits, const char *name)
{
  for (guint i = 0; i < settings->ages->len; i++)
    {
      const RetentionExpiry *age = settings->ages->pdata[i];
      if (satchel_list_match (age->pattern, name, '/'))
        return age->age_s;
    }
  return limits->age_s;
}

const char *
retention_settings_name (const RetentionSettings *settings)
{
  return settings->name;
}

gboolean
retention_settings_drops_oldest (const RetentionSettings *settings)
{
  return settings->drops_oldest;
}

gint64
retention_settings_draft_s (const RetentionSettings *settings)
{
  return settings->draft_s;
}

const GPtrArray *
retention_settings_expiries (const RetentionSettings *settings)
{
  return settings->expiries;
}
