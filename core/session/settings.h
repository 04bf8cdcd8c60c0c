/* SPDX-License-Identifier: MIT
 * Declares the settings that satchel_limits (), satchel_namespace () and satchel_hostname () return
 * (protocol.h).
 */
#pragma once
#include "core/runtime/config/config_image.h"
#include <satchel/protocol.h>

/* Reads the groups `limits`, `namespace` (at the first call only) and `server`.  @config is borrowed until
 * the next call.  Called at start, before modules run, and at a reload; main thread. */
void satchel_session_settings (const SatchelConfigSet *config);
