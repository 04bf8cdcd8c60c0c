/* SPDX-License-Identifier: MIT
 * The storage layer of the module.
 */
#pragma once
#include "settings.h"

extern const SatchelStorageOps quota_ops;
/* Takes the reference; from now on these limits count for all stores. [any thread] */
void quota_layer_set_limits (QuotaLimits *limits);
