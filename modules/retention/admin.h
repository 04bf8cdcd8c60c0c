/* SPDX-License-Identifier: MIT
 * The commands `satchel retention ...`.
 */
#pragma once
#include <satchel/admin.h>

extern const SatchelAdminOps retention_admin_ops;

/* These run commands that have files of their own. */
gboolean retention_run_expunge (SatchelAdminCall *call, GError **error);
gboolean retention_run_restore (SatchelAdminCall *call, GError **error);
gboolean retention_run_list (SatchelAdminCall *call, GError **error);
gboolean retention_run_search (SatchelAdminCall *call, GError **error);
