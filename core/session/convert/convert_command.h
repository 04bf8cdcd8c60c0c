/* SPDX-License-Identifier: MIT
 * Declares the server's own admin commands about conversions: "convert run", "convert status" and "convert
 * abort", each for one user, in the process that owns the user.
 */
#pragma once
#include <satchel/admin.h>

#define SATCHEL_CONVERT_GROUP "convert"
extern const SatchelAdminOps satchel_convert_commands;
