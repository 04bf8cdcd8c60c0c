/* SPDX-License-Identifier: MIT
 * Declares the id of the boot: what was written without a sync is there as long as it stays the same.
 */
#pragma once
#include <glib.h>

/* Returns 16 bytes. It must be called once while /proc can still be read. */
const guint8 *md_boot_id (void);
