/* SPDX-License-Identifier: MIT
 * A legal hold: while a user has one, nothing that is kept of the user is purged, whatever its age.
 */
#pragma once
#include "retention.h"

/* Returns the hold as a line, "TIME\tREASON" (seconds since 1970); yours. NULL without an error: there is
 * none. [blocks] */
char *retention_hold_get (SatchelStorage *storage, const SatchelAccess *access, GError **error);
/* Puts the user's mail on hold; @reason NULL ends the hold.  [blocks] */
gboolean retention_hold_put (SatchelStorage *storage, const SatchelAccess *access, const char *reason,
                             GError **error);
