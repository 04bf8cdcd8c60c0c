/* SPDX-License-Identifier: MIT
 * Declares what satcheld's own free can do.
 */
#pragma once
#include <glib.h>

/* Says whether memory is wiped when it is freed, once satchel_heap_set_wiping asks for it. */
gboolean satchel_free_can_wipe (void);
