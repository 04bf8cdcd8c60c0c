/* SPDX-License-Identifier: MIT
 * Says whether memory is wiped when it is given back. Where mail lies sealed on the disk, its text must not
 * stay in memory after the last session that could read it (decision 0118).
 */
#pragma once
#include <glib.h>

/* Whether satcheld's own free wipes what it frees. Only satchel_heap_set_wiping changes it. */
extern gboolean satchel_heap_is_wiping;

/* Switches the wiping on or off. Called by the main thread at the start and at a reload. */
void satchel_heap_set_wiping (gboolean is_wiping);

/* Wipes memory that is kept for its next use, if memory is wiped at all. @memory may be NULL if @len is 0. */
void satchel_heap_wipe (gpointer memory, gsize len);

/* Wipes the part of the calling thread's stack that the next calls will use, where the last ones have left
 * their variables, if memory is wiped at all. A thread calls it before it waits for work. */
void satchel_heap_wipe_stack (void);
