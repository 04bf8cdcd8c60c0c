/* SPDX-License-Identifier: MIT
 * Giving up rights for good.
 */
#pragma once
#include <satchel/error.h>

/* @uid, @gid: SATCHEL_PLAN_NO_ID leaves them.  All groups and capabilities go; @keep_reading leaves the right
 * to read any file (the config process reads keys that only root may).  Also: no new privileges, no core
 * file, not traceable, ends with its parent. */
gboolean satchel_drop_rights (guint uid, guint gid, gboolean keep_reading, GError **error);
