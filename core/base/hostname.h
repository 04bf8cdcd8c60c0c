/* SPDX-License-Identifier: MIT
 * Sets the name that satchel_hostname () returns (protocol.h).
 */
#pragma once
#include <satchel/protocol.h>

/* Sets the server's name; NULL or "": the name of the machine. Called in the main thread, before the role
 * serves or at a reload. */
void satchel_hostname_set (const char *name);
