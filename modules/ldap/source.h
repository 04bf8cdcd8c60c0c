/* SPDX-License-Identifier: MIT
 * Declares the tables that auth calls.
 */
#pragma once
#include <satchel/auth.h>

extern const SatchelPassdbOps ldap_passdb;
extern const SatchelUserdbOps ldap_userdb;
