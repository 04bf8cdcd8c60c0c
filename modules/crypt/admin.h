/* SPDX-License-Identifier: MIT
 * The commands `satchel crypt ...`.  Role auth.
 */
#pragma once
#include <satchel/admin.h>

extern const SatchelAdminOps crypt_commands;
