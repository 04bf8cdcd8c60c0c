/* SPDX-License-Identifier: MIT
 * The storage layer of the module.
 */
#pragma once
#include "retention.h"

extern const SatchelStorageOps retention_ops;
