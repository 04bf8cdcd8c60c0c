/* SPDX-License-Identifier: MIT
 * The settings of group `retention`, and what they mean for one user. They are read once and never change.
 * Any thread.
 */
#pragma once
#include <satchel/config.h>
#include <satchel/storage.h>

extern const SatchelConfigRow retention_schema[];

#define RETENTION_FOREVER G_MAXINT64

/* Says what is kept of one user. */
typedef struct RetentionLimits
{
  gint64 age_s;          /* RETENTION_FOREVER: what is kept is never purged */
  guint64 storage_bytes; /* most that is kept; G_MAXUINT64: no limit */
  guint64 daily_bytes;   /* most that comes in 24 hours; G_MAXUINT64: no limit */
  gboolean is_hidden;    /* clients do not see it */
} RetentionLimits;

/* Says what expires by itself. */
typedef struct RetentionExpiry
{
  guint special_use; /* SATCHEL_USE_*; 0: `pattern` says which mailboxes */
  char *pattern;     /* as of LIST, with '/' between levels */
  gint64 age_s;
} RetentionExpiry;

typedef struct RetentionSettings RetentionSettings;
/* Reads the settings. NULL means that one makes no sense; @error says which ("KEY: ..."). */
RetentionSettings *retention_settings_new (const SatchelConfig *section, GError **error);
RetentionSettings *retention_settings_ref (RetentionSettings *settings);
void retention_settings_unref (RetentionSettings *settings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (RetentionSettings, retention_settings_unref)

/* Takes the reference; from now on these settings count for all stores. NULL: the process is about to end. */
void retention_settings_put (RetentionSettings *settings);
/* Returns the settings in force, a reference; NULL with UNAVAILABLE: the process is about to end. */
RetentionSettings *retention_settings_current (GError **error);

/* Finds what counts for the user of @storage: attributes of the user, then the user's row, then that of the
 * domain, then the group. An attribute that makes no sense is logged, and not used. */
RetentionLimits retention_limits_of (const RetentionSettings *settings, SatchelStorage *storage);
/* Returns how long what was removed from mailbox @name is kept: the first pattern that fits, else @limits. */
gint64 retention_age_of (const RetentionSettings *settings, const RetentionLimits *limits, const char *name);
const char *retention_settings_name (const RetentionSettings *settings); /* of the namespace; borrowed */
gboolean retention_settings_drops_oldest (const RetentionSettings *settings);
/* Returns for how long a draft may be removed without being kept, in seconds; 0: never. */
gint64 retention_settings_draft_s (const RetentionSettings *settings);
const GPtrArray *retention_settings_expiries (const RetentionSettings *settings); /* RetentionExpiry */
