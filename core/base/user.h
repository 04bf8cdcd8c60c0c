/* SPDX-License-Identifier: MIT
 * Declares the rules of this server for user names, which each program that loads modules sets before it
 * configures them.
 */
#pragma once
#include <satchel/auth.h>

/* Sets the rules of server.default_domain and server.lower_case_users. Called in the main thread, before
 * modules are configured. */
void satchel_user_set_rules (const char *default_domain, gboolean lower);
