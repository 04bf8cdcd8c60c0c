/* SPDX-License-Identifier: MIT
 * The group that satchel_limits () gives (protocol.h).
 */
#pragma once
#include <satchel/protocol.h>

/* At start and at a reload, in the main thread; borrowed. */
void satchel_limits_set (const SatchelConfig *limits);
