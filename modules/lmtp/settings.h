/* SPDX-License-Identifier: MIT
 * Settings of LMTP.
 */
#pragma once
#include <satchel/config.h>

extern const SatchelConfigRow lmtp_schema[];
