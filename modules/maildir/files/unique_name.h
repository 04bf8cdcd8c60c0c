/* SPDX-License-Identifier: MIT
 * Declares random bytes, and names of files that are never given twice.
 */
#pragma once
#include <glib.h>

void md_random (void *buffer, gsize len);
/* Makes "SECONDS.M..P..Q..R...HOST". */
void md_unique_name (char buffer[128], gint64 seconds);
