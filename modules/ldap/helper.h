/* SPDX-License-Identifier: MIT
 * Between auth and the helper.  A request is one of these words, a name, and for "verify" a password; a
 * reply:
 * - "user": what changes when the password does ("": unknown), then NAME=VALUE of each attribute; nothing:
 *   there is no such user.
 * - "address": the users or addresses; nothing: it is unknown.
 * - "verify": "right" or "wrong".
 */
#pragma once
#include "directory.h"

#define LDAP_NAME "ldap"
#define LDAP_ASK_USER "user"
#define LDAP_ASK_ADDRESS "address"
#define LDAP_ASK_VERIFY "verify"
#define LDAP_SAY_RIGHT "right"
#define LDAP_SAY_WRONG "wrong"
#define LDAP_TEXTS_MAX 4096u

extern SatchelHelperOps ldap_helper;
/* Before there are threads.  @section: for good. */
gboolean ldap_helper_configure (const SatchelConfig *section, GError **error);
/* Why it cannot work; NULL: it can. */
const char *ldap_helper_trouble (void);
void ldap_helper_clear (void);
