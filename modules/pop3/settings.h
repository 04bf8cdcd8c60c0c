/* SPDX-License-Identifier: MIT
 * Declares the settings of group `pop3`, in both halves.
 */
#pragma once
#include <satchel/config.h>

extern const SatchelConfigRow pop3_schema[];
gboolean pop3_check (const SatchelConfig *section, GError **error);

/* Users may have values of their own for these. */
typedef struct Pop3Policy
{
  gint64 expire_ms; /* 0: never */
  gint64 login_delay_ms;
} Pop3Policy;

typedef struct Pop3Settings
{
  gint64 lock_wait_ms, timeout_ms, keepalive_ms;
  gboolean marks_seen, sends_surrogates;
  guint bad_commands;
  const char *language; /* what "LANG *" means: a tag of texts.c */
  Pop3Policy policy;    /* the policy of users without an entry of their own */
} Pop3Settings;

void pop3_settings_read (Pop3Settings *settings, const SatchelConfig *config);
/* Returns the policy for @user. */
Pop3Policy pop3_policy_of_user (const SatchelConfig *config, const char *user);

/* No user has less: the shortest time to keep mail, and the longest delay. */
typedef struct Pop3Policies
{
  Pop3Policy strictest;
  gboolean has_expires, has_delays; /* some users have other values than the group says */
} Pop3Policies;
Pop3Policies pop3_policies_of_all (const SatchelConfig *config);
