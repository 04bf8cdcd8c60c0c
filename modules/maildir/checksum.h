/* SPDX-License-Identifier: MIT
 * CRC-32C (Castagnoli), with which the files of the driver are checked.
 */
#pragma once
#include <glib.h>

/* @crc: that of the bytes before, 0 at first. */
guint32 md_crc32c (guint32 crc, const void *data, gsize len);
