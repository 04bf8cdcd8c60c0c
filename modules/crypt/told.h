/* SPDX-License-Identifier: MIT
 * What the layer is told of rings, as attributes of their users.
 */
#pragma once
#include <satchel/error.h>

/* Does what SatchelKeyringOps.attributes asks for.  Main thread of role auth. */
gboolean crypt_told_attributes (const char *user, GPtrArray *attributes, GError **error);
/* Frees what is kept.  The same thread. */
void crypt_told_forget (void);
