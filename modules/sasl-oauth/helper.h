/* SPDX-License-Identifier: MIT
 * The helper, which reads what strangers wrote: tokens, and answers of an endpoint.
 */
#pragma once
#include "settings.h"

#include <satchel/helper.h>

extern SatchelHelperOps oauth_helper;
/* Before there are threads.  @section: for good. */
gboolean oauth_helper_configure (const SatchelConfig *section, GError **error);
/* Can it work? */
gboolean oauth_helper_start (GError **error);
void oauth_helper_clear (void);
