/* SPDX-License-Identifier: MIT
 * Declares how commands find the bdb store below a user's store.
 */
#pragma once
#include "store/store.h"
#include "volume/facts.h"

/* Returns the driver's store below @store; NULL with @error.  CANNOT means that the user's mail is not in
 * Berkeley DB.  If @store is NULL, @error is set already. */
BdbStore *bdb_admin_level (SatchelStore *store, GError **error);
