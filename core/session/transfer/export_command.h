/* SPDX-License-Identifier: MIT
 * Declares the server's own admin command "export run", which writes files that `satchel export` lends to
 * it.
 */
#pragma once
#include <satchel/admin.h>

#define SATCHEL_EXPORT_GROUP "export"
extern const SatchelAdminOps satchel_export_commands;
