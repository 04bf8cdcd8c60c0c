/* SPDX-License-Identifier: MIT
 * The half of the module that runs in the helper.
 */
#pragma once
#include "directory.h"

#define LDAP_NAME "ldap"

extern SatchelHelperOps ldap_helper;
/* Reads the settings before there are threads. @section stays for good. */
gboolean ldap_helper_configure (const SatchelConfig *section, GError **error);
/* Returns why the helper cannot work; NULL means that it can. */
const char *ldap_helper_trouble (void);
void ldap_helper_clear (void);
