/* SPDX-License-Identifier: MIT
 * Declares what the upkeep does about conversions, which is to remove what an earlier one left.
 */
#pragma once
#include <satchel/storage.h>

/* Goes on with removing the store that the user of @store was converted from, or a copy that is taken back,
 * until the slice is over.  Called in a job. [blocks] */
SatchelMaintained satchel_convert_maintain (SatchelStore *store, const SatchelMaintenance *maintenance,
                                            GError **error);
