/* SPDX-License-Identifier: MIT
 * This header declares how commands come to a user's store.
 */
#pragma once
#include "store/store.h"
#include "volume/facts.h"

/* Our level of @store (NULL: @error is set); NULL with CANNOT: the user's mail is not in Berkeley DB. */
BdbStore *bdb_admin_level (SatchelStore *store, GError **error);
