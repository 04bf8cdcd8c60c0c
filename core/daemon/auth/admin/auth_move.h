/* SPDX-License-Identifier: MIT
 * This header declares users who change their place: release, adopt and place of the admin.  The old owner
 * closes the store and says so (RELEASED) before there is a new one.
 */
#pragma once
#include "core/daemon/auth/auth.h"

/* auth_place.c has these commands. */
void satchel_auth_admin_release (SatchelAuth *auth, guint64 request, const char *const *arguments);
void satchel_auth_admin_adopt (SatchelAuth *auth, guint64 request, const char *const *arguments);
void satchel_auth_admin_place (SatchelAuth *auth, guint64 request, const char *const *arguments);

/* auth_move.c has these. */
/* Takes RELEASED or PLACED of @mail.  FALSE means that it is malformed. */
gboolean satchel_auth_moves_message (SatchelAuth *auth, SatchelPeer *mail, SatchelIpcMessage *message);
/* Sends a mail process that is up the users that it does not own any more. */
void satchel_auth_moves_mail_up (SatchelAuth *auth, SatchelPeer *mail);
/* Releases what a mail process had that died, or to which the link broke, now or as soon as it is linked
 * again. */
void satchel_auth_moves_mail_lost (SatchelAuth *auth, SatchelPeer *mail);
void satchel_auth_moves_clear (void);
