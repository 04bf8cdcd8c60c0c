/* SPDX-License-Identifier: MIT
 * Settings of group `imap`.
 */
#pragma once
#include <satchel/config.h>

extern const SatchelConfigRow imap_schema[];
