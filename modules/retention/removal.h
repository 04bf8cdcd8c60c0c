/* SPDX-License-Identifier: MIT
 * What becomes of removals: methods of the layer.
 */
#pragma once
#include "retention.h"

gboolean retention_plan (SatchelStorage *storage, SatchelTransaction *transaction, GError **error);
void retention_committed (SatchelStorage *storage, SatchelTransaction *transaction, const GError *error);
gboolean retention_remove (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                           GError **error);
