/* SPDX-License-Identifier: MIT
 * The file with the keys, as it is now.  [any thread]
 */
#pragma once
#include "keys.h"

/* Returns a reference to the keys, which are read again if the file is another one, or has changed. NULL with
 * @error means that it cannot be used now, and neither are the keys that it had before, of which one may have
 * been taken out on purpose. */
GPtrArray *oauth_key_file_get (const char *path, GError **error);
void oauth_key_file_clear (void);
