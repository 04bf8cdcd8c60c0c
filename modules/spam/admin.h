/* SPDX-License-Identifier: MIT
 * The commands "satchel spam ...".
 */
#pragma once
#include <satchel/admin.h>

extern const SatchelAdminOps spam_admin;
