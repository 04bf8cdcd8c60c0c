/* SPDX-License-Identifier: MIT
 * Declares CRC-32C (Castagnoli), with which the files of the driver are checked.
 */
#pragma once
#include <glib.h>

/* Computes a CRC-32C.  @crc is that of the bytes before, 0 at first. */
guint32 md_crc32c (guint32 crc, const void *data, gsize len);

/* Checks the first line of a file, "NAME VERSION LEAST CHECKSUM": does LEAST let this version read the file,
 * and is the checksum that of @body, the rest of the file? */
gboolean md_check_head (const char *line, const char *name, const void *body, gsize len);
