/* SPDX-License-Identifier: MIT
 * How much may be kept: of a user in all, and of what a user removes within 24 hours.
 */
#pragma once
#include "retention.h"

/* Says whether @access may remove messages that take up @more bytes, which are kept then. LIMIT: they may not
 * be removed; the administrator is told. At the limit of all that is kept, the oldest goes if the settings
 * say so. In `plan` and `remove` only. [blocks] */
gboolean retention_caps_check (SatchelStorage *storage, const SatchelAccess *access, guint64 more,
                               GError **error);
