/* SPDX-License-Identifier: MIT
 * Declares the commands `satchel bdb ...`.
 */
#pragma once
#include "settings.h"

#include <satchel/admin.h>

extern const SatchelAdminOps bdb_admin_ops;

/* backup.c has these. */
gboolean bdb_admin_backup (SatchelAdminCall *call, GError **error);
gboolean bdb_admin_verify (SatchelAdminCall *call, GError **error);
