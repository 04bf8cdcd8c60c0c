/* SPDX-License-Identifier: MIT
 * Setting the name that satchel_hostname () gives (protocol.h).
 */
#pragma once
#include <satchel/protocol.h>

/* NULL or "": the machine's.  Before the role serves, or at a reload, in the main thread. */
void satchel_hostname_set (const char *name);
