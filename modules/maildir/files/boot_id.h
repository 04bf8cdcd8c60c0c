/* SPDX-License-Identifier: MIT
 * The id of the boot: what was written without a sync is there as long as it stays the same.
 */
#pragma once
#include <glib.h>

/* 16 bytes. Must be called once while /proc can still be read. */
const guint8 *md_boot_id (void);
