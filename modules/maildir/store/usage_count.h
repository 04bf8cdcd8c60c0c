/* SPDX-License-Identifier: MIT
 * Counts of mailboxes that are not open.
 */
#pragma once
#include <glib.h>

/* MdStore.counted. */
GHashTable *md_counted_new (void);
