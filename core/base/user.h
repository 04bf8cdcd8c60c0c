/* SPDX-License-Identifier: MIT
 * This server's rules for user names, set by each program that loads modules before it configures them.
 */
#pragma once
#include <satchel/auth.h>

/* Sets the rules of server.default_domain and server.lower_case_users. Called in the main thread, before
 * modules are configured. */
void satchel_user_set_rules (const char *default_domain, gboolean lower);
