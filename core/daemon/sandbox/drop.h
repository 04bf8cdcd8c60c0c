/* SPDX-License-Identifier: MIT
 * Gives up the rights of a process for good.
 */
#pragma once
#include <satchel/error.h>

/* Changes to @uid and @gid (SATCHEL_PLAN_NO_ID: leaves them), and drops all groups but @more_gid
 * (SATCHEL_PLAN_NO_ID: that too) and all capabilities.
 * @keep_reading keeps the right to read any file, since the config process reads keys that only root may
 * read. Afterwards the process gets no new privileges, writes no core file, cannot be traced, and ends with
 * its parent. */
gboolean satchel_drop_rights (guint uid, guint gid, guint more_gid, gboolean keep_reading, GError **error);
