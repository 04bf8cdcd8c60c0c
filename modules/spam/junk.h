/* SPDX-License-Identifier: MIT
 * The spam folder of a user: the mailbox with the special use \Junk, whatever its name.
 */
#pragma once
#include <satchel/storage.h>

/* Sees to it that there is one: if the user has none, @name is made, or given the special use if it is there
 * without one.  "": none is made.  Errors: NONEXISTENT (none is to be made), and those of
 * satchel_store_create.  [blocks] */
gboolean spam_junk_ensure (SatchelStore *store, const char *name, GError **error);
