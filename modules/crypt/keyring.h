/* SPDX-License-Identifier: MIT
 * The keyring: rings as logins and modules that own credentials ask for them.  Role auth.
 */
#pragma once
#include "rings.h"

#include <satchel/keyring.h>

#define CRYPT_AREA "crypt"
#define CRYPT_ATTRIBUTE "crypt.public" /* the public half in hexadecimal digits, for the layer */

extern const SatchelKeyringOps crypt_keyring;
/* Sets what new slots of passwords cost. */
void crypt_keyring_set_cost (const CryptCost *cost);
const CryptCost *crypt_keyring_cost (void);
