/* SPDX-License-Identifier: MIT
 * Lists the settings of group `spam`. A threshold comes from the user's attribute, else from the user's row,
 * else from the row of the user's domain, else from the group.
 */
#include "settings.h"

#include <satchel/hash.h>
#include <satchel/log.h>
#include <satchel/mailbox_name.h>
#include <string.h>

#define RELOAD SATCHEL_CONFIG_RELOADABLE

typedef struct SourceSettings
{
  SpamStyle style;
  SpamPosition position;
  guint hops;
} SourceSettings;
#define OF_SOURCE(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, SourceSettings, member)
static const SatchelConfigRow source_rows[] = {
  { "style", OF_SOURCE (ENUM, style), NULL, "Which filter wrote the fields",
    .choices = "rspamd|spamassassin|amavis", .flags = SATCHEL_CONFIG_REQUIRED },
  { "position", OF_SOURCE (ENUM, position), "received",
    "Which fields are the filter's own.  received: those above a Received field of this site (hops); top: of "
    "each name the first; bottom: of each name the last",
    .choices = "received|top|bottom" },
  { "hops", OF_SOURCE (INT, hops), "1",
    "With received: how many Received fields this site's own servers add before LMTP", .min = 1, .max = 20 },
  { NULL }
};

typedef struct ThresholdSettings
{
  const char *name, *junk_score, *reject_score;
} ThresholdSettings;
#define OF_THRESHOLD(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, ThresholdSettings, member)
static const SatchelConfigRow threshold_rows[] = {
  { "name", OF_THRESHOLD (STRING, name), NULL, "Domain, or user with the domain, that has these thresholds",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { "junk_score", OF_THRESHOLD (STRING, junk_score), NULL,
    "Score from which mail goes to the spam folder; off: the scanner's own word counts; unset: as for "
    "others" },
  { "reject_score", OF_THRESHOLD (STRING, reject_score), NULL,
    "Score from which mail is refused; off: never; unset: as for others" },
  { NULL }
};

typedef struct PlainSettings
{
  const char *mailbox, *junk_score, *reject_score, *server, *learn_server;
  gboolean has_keyword, asks, learns, is_per_user;
  SpamScannerKind scanner;
  gint64 timeout_ms, alarm_ms;
  guint64 max_bytes;
} PlainSettings;
#define INTO(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, PlainSettings, member)
const SatchelConfigRow spam_schema[] = {
  { "headers", SATCHEL_CONFIG_GROUPS, NULL,
    "Filters of the MTA whose fields count, as { style = \"rspamd\"; position = \"received\"; hops = 1; }; "
    "the "
    "first of them that said something counts",
    .group = source_rows, .flags = RELOAD },
  { "junk_score", INTO (STRING, junk_score), NULL,
    "Score from which mail goes to the spam folder, such as \"6.5\"; unset: the scanner's own word counts",
    .flags = RELOAD },
  { "reject_score", INTO (STRING, reject_score), NULL,
    "Score from which mail is refused (550); unset: never. The MTA sends a bounce to the sender, who is "
    "often "
    "forged",
    .flags = RELOAD },
  { "domains", SATCHEL_CONFIG_GROUPS, NULL,
    "Thresholds of a domain's users, as { name = \"example.org\"; junk_score = \"8\"; }",
    .group = threshold_rows, .flags = RELOAD },
  { "users", SATCHEL_CONFIG_GROUPS, NULL,
    "Thresholds of one user, as { name = \"anna@example.org\"; junk_score = \"4\"; }",
    .group = threshold_rows, .flags = RELOAD },
  { "mailbox", INTO (STRING, mailbox), "Junk",
    "Mailbox that is made, with the special use \\Junk, for a user who has none; empty: such a user's spam "
    "goes to INBOX",
    .flags = RELOAD },
  { "keyword", INTO (BOOL, has_keyword), "false", "Spam also gets the keyword $Junk when it is delivered",
    .flags = RELOAD },
  { "scanner", INTO (ENUM, scanner), "none",
    "Scanner that is asked about mail whose header says nothing, and that learns from users; a change needs "
    "a "
    "restart",
    .choices = "none|rspamd|spamd" },
  { "server", INTO (ENDPOINT, server), NULL,
    "Where the scanner listens, such as \"localhost:11333\" (rspamd) or \"localhost:783\" (spamd)",
    .flags = RELOAD },
  { "learn_server", INTO (ENDPOINT, learn_server), NULL,
    "Where it learns: rspamd's controller, such as \"localhost:11334\"; unset: as server", .flags = RELOAD },
  { "password", SATCHEL_CONFIG_SECRET, NULL, "Password of rspamd's controller" },
  { "ask", INTO (BOOL, asks), "true", "Ask the scanner about mail; false: it learns only", .flags = RELOAD },
  { "learn", INTO (BOOL, learns), "true",
    "Have the scanner learn what users move into the spam folder and out of it, or mark with $Junk and "
    "$NotJunk",
    .flags = RELOAD },
  { "per_user", INTO (BOOL, is_per_user), "false",
    "Each user has statistics (Bayes) of his own, for which the scanner is set up: it is told the user, and "
    "asked once for each recipient",
    .flags = RELOAD },
  { "timeout", INTO (DURATION, timeout_ms), "10s",
    "How long the scanner may take for one message; mail goes on without its verdict then", .min = 100,
    .max = SATCHEL_MINUTES (2), .flags = RELOAD },
  { "max_size", INTO (SIZE, max_bytes), "2M", "Larger messages are neither scanned nor learnt",
    .min = SATCHEL_KIB (16), .max = SATCHEL_MIB (64), .flags = RELOAD },
  { "alarm_after", INTO (DURATION, alarm_ms), "1h",
    "The log has an error when messages wait and nothing could be learnt, or the scanner has declined all of "
    "them, for so long",
    .min = 1000, .max = SATCHEL_DAYS (7), .flags = RELOAD },
  { NULL }
};

const char *const spam_attribute_names[SPAM_N_THRESHOLDS] = {
  [SPAM_THRESHOLD_JUNK] = "spam.junk_score", [SPAM_THRESHOLD_REJECT] = "spam.reject_score"
};

gboolean
spam_threshold_set (SpamThresholds *thresholds, SpamThreshold which, const char *text, GError **error)
{
  gint64 score = SPAM_NO_SCORE;
  const char *at = text, *end = text + strlen (text);
  if (g_ascii_strcasecmp (text, "off") != 0 && (!spam_score_take (&at, end, &score) || at != end))
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "\"%s\" is neither a score nor \"off\"", text);
  *(which == SPAM_THRESHOLD_JUNK ? &thresholds->junk : &thresholds->reject) = score;
  return TRUE;
}

/* Sets what @junk and @reject say, where they are set. */
static gboolean
set_thresholds (SpamThresholds *thresholds, const char *junk, const char *reject, const char *key,
                GError **error)
{
  g_autoptr (GError) local = NULL;
  if ((junk == NULL || spam_threshold_set (thresholds, SPAM_THRESHOLD_JUNK, junk, &local))
      && (reject == NULL || spam_threshold_set (thresholds, SPAM_THRESHOLD_REJECT, reject, &local)))
    return TRUE;
  const char *wrong = key != NULL                                               ? key
                      : (junk != NULL && strstr (local->message, junk) != NULL) ? "junk_score"
                                                                                : "reject_score";
  return satchel_error_set_setting (error, wrong, "%s", local->message);
}

/* Domains and users are compared in lower case, as the server compares user names by default. */
static char *
key_of (const char *name)
{
  g_autofree char *normal = g_utf8_normalize (name, -1, G_NORMALIZE_NFC);
  return g_utf8_strdown (normal != NULL ? normal : name, -1);
}

static SpamThresholds
thresholds_of_domain (const SpamSettings *settings, const char *user)
{
  const char *at = strrchr (user, '@');
  const SpamThresholds *found = at != NULL ? g_hash_table_lookup (settings->of_domains, at + 1) : NULL;
  return found != NULL ? *found : settings->of_all;
}

static gboolean
read_rows (SpamSettings *settings, const SatchelConfig *section, const char *key, GHashTable *table,
           GError **error)
{
  gboolean is_user = table == settings->of_users;
  for (guint i = 0; i < satchel_config_n_groups (section, key); i++)
    {
      ThresholdSettings row = { 0 };
      satchel_config_fill (satchel_config_group (section, key, i), threshold_rows, &row);
      g_autofree char *name = key_of (row.name);
      if ((strchr (name, '@') != NULL) != is_user)
        return satchel_error_set_setting (error, key, "\"%s\" is not %s", name,
                                          is_user ? "a user with a domain (LOCAL@DOMAIN)" : "a domain");
      if (g_hash_table_contains (table, name))
        return satchel_error_set_setting (error, key, "\"%s\" is listed twice; remove one", name);
      SpamThresholds own = is_user ? thresholds_of_domain (settings, name) : settings->of_all;
      if (!set_thresholds (&own, row.junk_score, row.reject_score, key, error))
        return FALSE;
      g_hash_table_insert (table, g_steal_pointer (&name), g_memdup2 (&own, sizeof own));
    }
  return TRUE;
}

static gboolean
read_sources (SpamSettings *settings, const SatchelConfig *section, GError **error)
{
  guint n = satchel_config_n_groups (section, "headers");
  if (n > SPAM_SOURCES_MAX)
    return satchel_error_set_setting (error, "headers", "there may be at most %u", SPAM_SOURCES_MAX);
  for (guint i = 0; i < n; i++)
    {
      SourceSettings row = { 0 };
      satchel_config_fill (satchel_config_group (section, "headers", i), source_rows, &row);
      settings->sources[settings->n_sources++] = (SpamSource) { row.style, row.position, row.hops };
    }
  return TRUE;
}

static gboolean
read_mailbox (SpamSettings *settings, const char *name, GError **error)
{
  g_autoptr (GError) local = NULL;
  settings->mailbox =
      *name == '\0' ? g_strdup ("") : satchel_mailbox_name_normalise (name, strlen (name), &local);
  if (settings->mailbox != NULL && strcmp (settings->mailbox, "INBOX") != 0)
    return TRUE;
  return satchel_error_set_setting (error, "mailbox", "%s",
                                    local != NULL ? local->message : "INBOX cannot be the spam folder");
}

const char *
spam_scanner_name (SpamScannerKind kind)
{
  return kind == SPAM_SCANNER_RSPAMD ? "rspamd" : kind == SPAM_SCANNER_SPAMD ? "spamd" : "none";
}

SpamScannerKind
spam_settings_scanner (const SatchelConfig *section)
{
  PlainSettings plain = { 0 };
  satchel_config_fill (section, spam_schema, &plain);
  return plain.scanner;
}

static gboolean
read_scanner (SpamSettings *settings, const PlainSettings *plain, GError **error)
{
  gboolean has_scanner = plain->scanner != SPAM_SCANNER_NONE;
  settings->scanner = plain->scanner;
  settings->asks = has_scanner && plain->asks;
  settings->learns = has_scanner && plain->learns;
  settings->is_per_user = has_scanner && plain->is_per_user;
  settings->timeout_ms = plain->timeout_ms;
  settings->alarm_ms = plain->alarm_ms;
  settings->max_bytes = plain->max_bytes;
  if (plain->server == NULL && (settings->asks || (settings->learns && plain->learn_server == NULL)))
    return satchel_error_set_setting (error, "server",
                                      "it is needed with a scanner: write where that listens, such as "
                                      "\"localhost:11333\" for rspamd or \"localhost:783\" for spamd");
  if (plain->scanner == SPAM_SCANNER_RSPAMD && settings->learns && plain->learn_server == NULL)
    return satchel_error_set_setting (error, "learn_server",
                                      "rspamd learns at its controller: name it, or set learn = false");
  return TRUE;
}

SpamSettings *
spam_settings_new (const SatchelConfig *section, GError **error)
{
  g_autoptr (SpamSettings) settings = g_new0 (SpamSettings, 1);
  PlainSettings plain = { 0 };
  g_atomic_ref_count_init (&settings->refs);
  settings->of_domains = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, g_free);
  settings->of_users = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, g_free);
  settings->of_all = (SpamThresholds) { SPAM_NO_SCORE, SPAM_NO_SCORE };
  satchel_config_fill (section, spam_schema, &plain);
  settings->has_keyword = plain.has_keyword;
  if (!read_scanner (settings, &plain, error) || !read_mailbox (settings, plain.mailbox, error)
      || !read_sources (settings, section, error)
      || !set_thresholds (&settings->of_all, plain.junk_score, plain.reject_score, NULL, error)
      || !read_rows (settings, section, "domains", settings->of_domains, error)
      || !read_rows (settings, section, "users", settings->of_users, error))
    return NULL;
  return g_steal_pointer (&settings);
}

SpamSettings *
spam_settings_ref (SpamSettings *settings)
{
  g_atomic_ref_count_inc (&settings->refs);
  return settings;
}

void
spam_settings_unref (SpamSettings *settings)
{
  if (!g_atomic_ref_count_dec (&settings->refs))
    return;
  g_free (settings->mailbox);
  g_hash_table_unref (settings->of_domains);
  g_hash_table_unref (settings->of_users);
  g_free (settings);
}

static gboolean
refuses_anybodys (const SpamSettings *settings)
{
  GHashTable *const tables[] = { settings->of_domains, settings->of_users };
  gboolean refuses = settings->of_all.reject != SPAM_NO_SCORE;
  for (guint i = 0; i < G_N_ELEMENTS (tables); i++)
    {
      GHashTableIter iter;
      gpointer value;
      g_hash_table_iter_init (&iter, tables[i]);
      while (g_hash_table_iter_next (&iter, NULL, &value))
        refuses = refuses || ((const SpamThresholds *) value)->reject != SPAM_NO_SCORE;
    }
  return refuses;
}

void
spam_settings_warn (const SpamSettings *settings)
{
  if (settings->n_sources == 0 && !settings->asks)
    satchel_log (SATCHEL_LOG_WARNING, "spam",
                 "neither headers nor scanner is set, so that no score is known: only users' block lists "
                 "make mail spam");
  if (refuses_anybodys (settings))
    satchel_log (
        SATCHEL_LOG_WARNING, "spam",
        "reject_score is set: for mail that is refused the MTA sends bounces to senders, who are often "
        "forged; better refuse in the MTA, before it has accepted the mail");
}

SpamThresholds
spam_settings_find (const SpamSettings *settings, const char *user)
{
  g_autofree char *key = key_of (user);
  const SpamThresholds *found = g_hash_table_lookup (settings->of_users, key);
  return found != NULL ? *found : thresholds_of_domain (settings, key);
}

static GMutex in_force_lock;
static SpamSettings *in_force;

void
spam_settings_put_in_force (SpamSettings *settings)
{
  g_mutex_lock (&in_force_lock);
  SpamSettings *old = in_force;
  in_force = settings;
  g_mutex_unlock (&in_force_lock);
  g_clear_pointer (&old, spam_settings_unref);
}

SpamSettings *
spam_settings_current (void)
{
  g_mutex_lock (&in_force_lock);
  SpamSettings *current = in_force != NULL ? spam_settings_ref (in_force) : NULL;
  g_mutex_unlock (&in_force_lock);
  return current;
}
