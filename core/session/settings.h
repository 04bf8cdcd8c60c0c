/* SPDX-License-Identifier: MIT
 * What satchel_limits (), satchel_namespace () and satchel_hostname () give (protocol.h).
 */
#pragma once
#include "core/runtime/config_image.h"
#include <satchel/protocol.h>

/* From the groups `limits`, `namespace` (the first time only) and `server`; @config is borrowed until the
 * next call.  At start, before modules run, and at a reload; main thread. */
void satchel_session_settings (const SatchelConfigSet *config);
