/* SPDX-License-Identifier: MIT
 * The core's own settings as structs, which the rows in core_schema.c fill. Each function takes the group of
 * that name, or of one of its lists; texts and lists are borrowed from it. A member that is not set is NULL
 * or 0.
 */
#pragma once
#include <satchel/log.h>
#include <satchel/protocol.h>

#include "core/runtime/config/config_image.h"

/* The choices of server.wipe_memory, in their order. The process config settles AUTO. */
typedef enum
{
  SATCHEL_WIPE_AUTO = 0,
  SATCHEL_WIPE_ALWAYS,
  SATCHEL_WIPE_NEVER
} SatchelWipeMemory;

typedef struct SatchelServerSettings
{
  guint gate_processes, mail_processes; /* 0: one for each processor core */
  guint sandbox;                        /* number of the choice: required, best-effort, off */
  guint wipe_memory;                    /* number of the choice, SatchelWipeMemory */
  gint64 hang_ms, stuck_ms, admin_ms, stop_grace_ms;
  const char *hostname, *default_domain;
  gboolean lowers_users; /* user names are compared in lower case */
  const char *mail_root, *state_dir, *run_dir, *module_dir;
  const char *mail_user, *admin_group;
} SatchelServerSettings;
void satchel_server_settings_read (const SatchelConfig *server, SatchelServerSettings *ret_settings);

typedef struct SatchelLogSettings
{
  const char *file;
  SatchelLogLevel level;
} SatchelLogSettings;
void satchel_log_settings_read (const SatchelConfig *log, SatchelLogSettings *ret_settings);

typedef struct SatchelCertificateSettings
{
  const char *name; /* set in an element of tls.certificates only */
  const char *cert, *key;
} SatchelCertificateSettings;
void satchel_certificate_settings_read (const SatchelConfig *certificate,
                                        SatchelCertificateSettings *ret_settings);

typedef struct SatchelTlsSettings
{
  SatchelCertificateSettings main;
  const char *priority;
} SatchelTlsSettings;
void satchel_tls_settings_read (const SatchelConfig *tls, SatchelTlsSettings *ret_settings);

typedef struct SatchelListenerSettings
{
  const char *name, *protocol, *address, *path, *owner, *group;
  guint port, mode; /* `mode` 0: it is not set */
  gboolean implicit_tls, allow_cleartext, asks_certificate;
  const char *const *networks, *const *trusted_proxies, *const *mechanisms, *const *id_networks;
} SatchelListenerSettings;
void satchel_listener_settings_read (const SatchelConfig *listener, SatchelListenerSettings *ret_settings);

typedef struct SatchelLimitSettings
{
  SatchelLimits of_protocols; /* those limits that modules see */
  guint connections, connections_per_address, bad_commands;
  guint threads, threads_per_user;
  guint keywords, mailboxes;
  gint64 handshake_ms, login_ms, write_ms;
  gint64 change_log_age_ms, store_idle_ms;
  guint64 output_buffer, change_log; /* in bytes */
} SatchelLimitSettings;
void satchel_limit_settings_read (const SatchelConfig *limits, SatchelLimitSettings *ret_settings);

typedef struct SatchelHelperSettings
{
  guint queue, files;
  guint64 content, memory; /* in bytes */
  gint64 overdue_ms;
} SatchelHelperSettings;

typedef struct SatchelProgramSettings
{
  const char *module, *group; /* NULL: unset */
} SatchelProgramSettings;
void satchel_program_settings_read (const SatchelConfig *row, SatchelProgramSettings *ret_settings);
void satchel_helper_settings_read (const SatchelConfig *helpers, SatchelHelperSettings *ret_settings);

typedef struct SatchelMainPasswordSettings
{
  guint main_password; /* number of the choice: everywhere, submission-and-web, nowhere */
} SatchelMainPasswordSettings;
void satchel_main_password_settings_read (const SatchelConfig *auth,
                                          SatchelMainPasswordSettings *ret_settings);
extern const SatchelConfigRow satchel_main_password_rows[]; /* rows of an element of auth.main_passwords */

typedef struct SatchelJanitorSettings
{
  gint64 interval_ms, slice_ms, clock_bound_ms, clock_settle_ms;
} SatchelJanitorSettings;
void satchel_janitor_settings_read (const SatchelConfig *janitor, SatchelJanitorSettings *ret_settings);

typedef enum
{
  SATCHEL_FAILURE_BY_MODULE = 0, /* in the order of the choices of `failure` */
  SATCHEL_FAILURE_PASS,
  SATCHEL_FAILURE_DEFER
} SatchelFilterFailure;

/* These hold for all filters, or are what a rule says of one. */
typedef struct SatchelFilterSettings
{
  const char *filter; /* set in a rule only: the name of the filter */
  guint concurrent;
  gint64 deadline_ms;
  SatchelFilterFailure failure;
} SatchelFilterSettings;
void satchel_filters_settings_read (const SatchelConfig *filters, SatchelFilterSettings *ret_settings);
void satchel_filter_rule_settings_read (const SatchelConfig *rule, SatchelFilterSettings *ret_settings);

/* A stack has these settings, whether it is that of group `storage` or that of a profile. */
typedef struct SatchelStackSettings
{
  const char *name; /* set in a profile only: its name */
  const char *driver;
  const char *const *layers;
} SatchelStackSettings;
void satchel_stack_settings_read (const SatchelConfig *storage, SatchelStackSettings *ret_settings);
void satchel_profile_settings_read (const SatchelConfig *profile, SatchelStackSettings *ret_settings);

typedef struct SatchelRuleSettings
{
  const char *name, *profile, *volume;
  const char *const *users, *const *domains;
} SatchelRuleSettings;
void satchel_placing_rule_settings_read (const SatchelConfig *rule, SatchelRuleSettings *ret_settings);

typedef struct SatchelNamespaceSettings
{
  const char *prefix;
  guint separator; /* number of the choice: "/" or "." */
} SatchelNamespaceSettings;
void satchel_namespace_settings_read (const SatchelConfig *namespace, SatchelNamespaceSettings *ret_settings);

/* Mailboxes with these special uses are made for every user (RFC 6154). */
typedef enum
{
  SATCHEL_MAILBOX_DRAFTS = 0,
  SATCHEL_MAILBOX_SENT,
  SATCHEL_MAILBOX_JUNK,
  SATCHEL_MAILBOX_TRASH,
  SATCHEL_MAILBOX_ARCHIVE,
  SATCHEL_N_MAILBOXES
} SatchelOwnMailbox;

typedef struct SatchelMailboxesSettings
{
  const char *names[SATCHEL_N_MAILBOXES];        /* names of the mailboxes; "": none is made */
  const char *const *known[SATCHEL_N_MAILBOXES]; /* names of existing mailboxes that are marked instead */
} SatchelMailboxesSettings;
void satchel_mailboxes_settings_read (const SatchelConfig *mailboxes, SatchelMailboxesSettings *ret_settings);
