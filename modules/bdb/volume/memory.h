/* SPDX-License-Identifier: MIT
 * Declares what Berkeley DB has allocated for an environment. An environment that the library has stopped (a
 * panic) is closed without anything being freed, so the blocks of each are kept in a list, and what is left
 * of them when it is closed is freed from there (decision 0095).
 */
#pragma once
#include <glib.h>

typedef struct BdbMemory BdbMemory;

/* Makes an empty one; yours.  Before anything else in the process calls the library.  [any thread] */
BdbMemory *bdb_memory_new (void);
/* Frees all blocks that are left, and @memory.  Nobody uses the environment, or any handle in it, any more.
 */
void bdb_memory_free (BdbMemory *memory);
/* What the library allocates in this thread is of @memory from now on, until bdb_memory_leave; without that
 * it is of none, and only the library frees it.  They do not nest: what comes last counts. */
void bdb_memory_enter (BdbMemory *memory);
void bdb_memory_leave (void);
/* Frees what a call of the library gave to its caller (NULL: nothing), which free() must not do. */
void bdb_memory_give_back (gpointer block);
