/* SPDX-License-Identifier: MIT
 * Declares the helper's half, which reads what strangers wrote: tokens, and answers of an endpoint.
 */
#pragma once
#include "settings.h"

#include <satchel/helper.h>

extern SatchelHelperOps oauth_helper;
/* Reads the settings before there are threads. @section stays for good. */
gboolean oauth_helper_configure (const SatchelConfig *section, GError **error);
/* Says whether the helper can work. */
gboolean oauth_helper_start (GError **error);
void oauth_helper_clear (void);
