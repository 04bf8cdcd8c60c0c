/* SPDX-License-Identifier: MIT
 * The commands `satchel crypt ...` that run in the process that owns the user's store.
 */
#pragma once
#include <satchel/admin.h>

extern const SatchelAdminCommand crypt_command_continue, crypt_command_progress;
extern const SatchelConfigRow crypt_continue_options[];
