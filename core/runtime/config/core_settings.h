/* SPDX-License-Identifier: MIT
 * The core's own settings as structs, which the rows in core_schema.c fill. Each function takes the group of
 * that name; texts are borrowed from it.
 */
#pragma once
#include <satchel/protocol.h>

#include "core/runtime/config/config_image.h"

typedef struct SatchelServerSettings
{
  guint gate_processes, mail_processes; /* 0: one for each processor core */
  guint sandbox;                        /* number of the choice: required, best-effort, off */
  gint64 hang_ms, stuck_ms, admin_ms, stop_grace_ms;
  const char *mail_root, *state_dir, *run_dir;
} SatchelServerSettings;
void satchel_server_settings_read (const SatchelConfig *server, SatchelServerSettings *ret_settings);

typedef struct SatchelLimitSettings
{
  SatchelLimits of_protocols; /* those that modules see */
  guint connections, connections_per_address, bad_commands;
  guint threads, threads_per_user;
  guint keywords, mailboxes;
  gint64 handshake_ms, login_ms, write_ms;
  gint64 change_log_age_ms, store_idle_ms;
  guint64 output_buffer, change_log; /* bytes */
} SatchelLimitSettings;
void satchel_limit_settings_read (const SatchelConfig *limits, SatchelLimitSettings *ret_settings);

typedef struct SatchelHelperSettings
{
  guint queue, files;
  guint64 content, memory; /* bytes */
  gint64 overdue_ms;
} SatchelHelperSettings;
void satchel_helper_settings_read (const SatchelConfig *helpers, SatchelHelperSettings *ret_settings);

typedef struct SatchelJanitorSettings
{
  gint64 interval_ms, slice_ms, clock_bound_ms, clock_settle_ms;
} SatchelJanitorSettings;
void satchel_janitor_settings_read (const SatchelConfig *janitor, SatchelJanitorSettings *ret_settings);
