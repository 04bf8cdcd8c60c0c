/* SPDX-License-Identifier: MIT
 * Declares how users change their place, by the commands `release`, `adopt` and `place`. The old owner
 * closes the user's store and says so (RELEASED) before there is a new owner.
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
/* Tells a mail process that has come up which users it does not own any more. */
void satchel_auth_moves_mail_up (SatchelAuth *auth, SatchelPeer *mail);
/* Ends the moves that wait for a mail process which has died, or to which the link broke: it has released its
 * users, or is told to once it is linked again. */
void satchel_auth_moves_mail_lost (SatchelAuth *auth, SatchelPeer *mail);
void satchel_auth_moves_clear (void);
