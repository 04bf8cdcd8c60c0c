/* SPDX-License-Identifier: MIT
 * Declares how memory goes back to the system after many connections or sessions have ended.
 */
#pragma once
#include <glib.h>

/* Notes how many connections or sessions there are now, since most memory is theirs.  Main thread only. */
void satchel_trim_note (guint n);
