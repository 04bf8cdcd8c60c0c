/* SPDX-License-Identifier: MIT
 * The limits of users, from the settings of group `quota`. They are read once and never change. Any
 * thread.
 */
#pragma once
#include <satchel/config.h>
#include <satchel/storage.h>

extern const SatchelConfigRow quota_schema[];

typedef struct QuotaLimits QuotaLimits;
/* Reads the limits. NULL means that a setting makes no sense; @error says which ("KEY: ..."). */
QuotaLimits *quota_limits_new (const SatchelConfig *section, GError **error);
QuotaLimits *quota_limits_ref (QuotaLimits *limits);
void quota_limits_unref (QuotaLimits *limits);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (QuotaLimits, quota_limits_unref)

/* The resources stand in the order of their rows in quota_schema. */
typedef enum
{
  QUOTA_STORAGE,
  QUOTA_MESSAGES,
  QUOTA_N_RESOURCES
} QuotaResource;
/* These attributes of users say a limit of theirs. */
extern const char *const quota_attribute_names[QUOTA_N_RESOURCES];
/* Sets a limit from @text, which has the form of the settings `storage` and `messages`. On an error @limit
 * stays as it is. */
gboolean quota_limit_set (SatchelUsage *limit, QuotaResource resource, const char *text, GError **error);
/* Returns the limits of @user (local@domain), SATCHEL_UNLIMITED where there is none. */
SatchelUsage quota_limits_find (const QuotaLimits *limits, const char *user);
/* Returns @limit with what a delivery may go beyond it. */
SatchelUsage quota_limits_with_grace (const QuotaLimits *limits, SatchelUsage limit);
/* Returns the highest of the warnings that lies above @before and not above @after, in percent of @limit; 0
 * means none. */
guint quota_limits_crossed (const QuotaLimits *limits, guint64 limit, guint64 before, guint64 after);
