/* SPDX-License-Identifier: MIT
 * The commands `satchel crypt ...` that run in the process that owns the user's store.
 */
#pragma once
#include <satchel/admin.h>

#define CRYPT_NO_LAYER                                                                                       \
  "the mail lies in a stack without the layer crypt; `satchel convert` takes it into one that has it"

extern const SatchelAdminCommand crypt_command_continue, crypt_command_progress, crypt_command_verify;
/* Opens the user's store, and finds the layer in it; *@ret_level is NULL if the user's stack has none. */
SatchelStore *crypt_open_level (SatchelAdminCall *call, SatchelStorage **ret_level, GError **error);
/* Asks for the recovery key, as the option "password". */
gboolean crypt_ask_recovery (SatchelAdminCall *call);
extern const SatchelConfigRow crypt_continue_options[];
