/* SPDX-License-Identifier: MIT
 * EXTERNAL as a table for the core, and the list of certificates.
 */
#pragma once
#include <satchel/sasl.h>

typedef GHashTable ExternalMap; /* fingerprint, lower-case hexadecimal -> user */
/* Makes a map of @rows, "SHA256 USER", NULL-ended, or NULL. NULL with @error ("certificates: what is wrong")
 * means that a row is bad. */
ExternalMap *external_map_new (const char *const *rows, GError **error);
void external_map_free (ExternalMap *map); /* NULL is fine */
/* Sets the map that logins look at from now on, which is taken over. */
void external_set_map (ExternalMap *map);

extern const SatchelSaslOps external_ops;
