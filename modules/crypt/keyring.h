/* SPDX-License-Identifier: MIT
 * The keyring: rings as logins and modules that own credentials ask for them.  Role auth.
 */
#pragma once
#include "login.h"

#include <satchel/keyring.h>

extern const SatchelKeyringOps crypt_keyring;
