/* SPDX-License-Identifier: MIT
 * Gives memory back to the system after a crowd has gone.
 */
#pragma once
#include <glib.h>

/* Notes how many there are now of what most memory goes with: connections or sessions. Main thread. */
void satchel_trim_note (guint n);
