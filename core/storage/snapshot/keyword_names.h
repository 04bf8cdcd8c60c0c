/* SPDX-License-Identifier: MIT
 * Declares the keywords of a message by name, for the core.
 */
#pragma once
#include <satchel/snapshot.h>

/* Returns the keywords of @set, NULL-ended; the array is yours, the names are those of @snapshot. */
const char **satchel_snapshot_keyword_names (const SatchelSnapshot *snapshot, const SatchelKeywordSet *set);
