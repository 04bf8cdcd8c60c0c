/* SPDX-License-Identifier: MIT
 * Declares the tables that auth calls.
 */
#pragma once
#include <satchel/auth.h>

extern const SatchelPassdbOps sql_passdb;
extern const SatchelUserdbOps sql_userdb;
/* Prepares the look-ups, before there are threads. */
void sql_source_init (void);
void sql_source_clear (void);
