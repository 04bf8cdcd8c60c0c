/* SPDX-License-Identifier: MIT
 * Declares runs of admin commands of which a user may have only one at a time. Any thread may call it.
 */
#pragma once
#include <glib.h>

/* Begins a run of @kind for @user.  FALSE means that one is at work already. */
gboolean satchel_admin_be_alone (const char *kind, const char *user);
/* Ends what satchel_admin_be_alone began. */
void satchel_admin_end_alone (const char *kind, const char *user);
/* Says whether a run of @kind for @user is at work. */
gboolean satchel_admin_is_at_work (const char *kind, const char *user);
