/* SPDX-License-Identifier: MIT
 * Declares the settings of module spam, and the thresholds of a user that follow from them.
 */
#pragma once
#include "headers.h"

#include <satchel/config.h>

/* Both are SPAM_NO_SCORE where nothing is set: then the scanner's own word counts, and nothing is refused. */
typedef struct SpamThresholds
{
  gint64 junk, reject;
} SpamThresholds;
typedef enum
{
  SPAM_THRESHOLD_JUNK = 0,
  SPAM_THRESHOLD_REJECT,
  SPAM_N_THRESHOLDS
} SpamThreshold;
/* The attributes of a user (userdb) that count before the settings. */
extern const char *const spam_attribute_names[SPAM_N_THRESHOLDS];

#define SPAM_SOURCES_MAX 8u

typedef enum /* in the order of the setting's choices */
{
  SPAM_SCANNER_NONE = 0,
  SPAM_SCANNER_RSPAMD,
  SPAM_SCANNER_SPAMD
} SpamScannerKind;
const char *spam_scanner_name (SpamScannerKind kind); /* "rspamd", ...: a static word */

/* The settings in force: immutable, and shared by threads. */
typedef struct SpamSettings
{
  gatomicrefcount refs;
  char *mailbox; /* the name of the mailbox that is made where nobody has \Junk; "": none */
  gboolean has_keyword;
  SpamScannerKind scanner;
  gboolean asks, learns, is_per_user; /* FALSE without a scanner */
  gint64 timeout_ms, alarm_ms;
  guint64 max_bytes;                    /* larger messages are neither scanned nor learnt */
  SpamSource sources[SPAM_SOURCES_MAX]; /* the first that says something counts */
  guint n_sources;
  SpamThresholds of_all;
  GHashTable *of_domains, *of_users; /* name -> SpamThresholds */
} SpamSettings;

extern const SatchelConfigRow spam_schema[];
SpamSettings *spam_settings_new (const SatchelConfig *section, GError **error);
SpamSettings *spam_settings_ref (SpamSettings *settings);
SpamScannerKind spam_settings_scanner (const SatchelConfig *section); /* for the helper */
void spam_settings_unref (SpamSettings *settings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SpamSettings, spam_settings_unref)
/* Logs what is allowed but asks for trouble; for `check`. */
void spam_settings_warn (const SpamSettings *settings);

SpamThresholds spam_settings_find (const SpamSettings *settings, const char *user);
/* Sets one from @text: a score, or "off".  Errors: INVALID. */
gboolean spam_threshold_set (SpamThresholds *thresholds, SpamThreshold which, const char *text,
                             GError **error);

/* Puts settings into force (takes the reference over; NULL at the end of the process). */
void spam_settings_put_in_force (SpamSettings *settings);
/* Returns a reference to those in force; NULL means that the process is about to end.  [any thread] */
SpamSettings *spam_settings_current (void);
