/* SPDX-License-Identifier: MIT
 * Declares the server's own admin command "fsck run", which `satchel fsck` runs for each user.
 */
#pragma once
#include <satchel/admin.h>

#define SATCHEL_FSCK_GROUP "fsck"
extern const SatchelAdminOps satchel_fsck_commands;
