/* SPDX-License-Identifier: MIT
 * Declares the tables that auth calls.
 */
#pragma once
#include <satchel/auth.h>

extern const SatchelPassdbOps pam_passdb;
extern const SatchelUserdbOps pam_userdb;
