/* SPDX-License-Identifier: MIT
 * The half of the module that runs in the helper.
 */
#pragma once
#include "directory.h"

#define LDAP_NAME "ldap"

extern SatchelHelperOps ldap_helper;
/* Before there are threads.  @section: for good. */
gboolean ldap_helper_configure (const SatchelConfig *section, GError **error);
/* Why it cannot work; NULL: it can. */
const char *ldap_helper_trouble (void);
void ldap_helper_clear (void);
