/* SPDX-License-Identifier: MIT
 * What the commands share: admin.c has the table, and what concerns a ring as a whole, admin_recover.c what
 * is done with a secret that opens it.
 */
#pragma once
#include "login.h"
#include "recovery.h"

#include <satchel/admin.h>

static inline const char *
crypt_admin_user (const SatchelAdminCall *call)
{
  return satchel_admin_access (call)->owner;
}

void crypt_admin_show_recovery (SatchelAdminCall *call, const char *shown);

#define CRYPT_COMMAND(a_name, a_summary, ...)                                                                \
  { .size = sizeof (SatchelAdminCommand),                                                                    \
    .name = a_name,                                                                                          \
    .summary = a_summary,                                                                                    \
    .of_user = TRUE,                                                                                         \
    .in_auth = TRUE,                                                                                         \
    __VA_ARGS__ }
extern const SatchelAdminCommand crypt_command_recover, crypt_command_recovery_key, crypt_command_rekey,
    crypt_command_escrow_key, crypt_command_copy, crypt_command_restore;
