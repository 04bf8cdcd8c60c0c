/* SPDX-License-Identifier: MIT
 * The storage layer of the module.
 */
#pragma once
#include "settings.h"

extern const SatchelStorageOps quota_ops;
/* Takes the reference; from now on they count for all stores.  Any thread. */
void quota_layer_set_limits (QuotaLimits *limits);
