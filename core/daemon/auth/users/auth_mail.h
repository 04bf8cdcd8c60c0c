/* SPDX-License-Identifier: MIT
 * Declares mail that auth's modules send to users, through the mail process that owns them.
 */
#pragma once
#include "core/daemon/auth/auth.h"

void satchel_auth_mail_start (SatchelAuth *auth);
/* Stops sending; no callback is called any more. */
void satchel_auth_mail_stop (void);
/* Takes an ACCOUNT_MAIL_REPLY of @mail. FALSE means that it is malformed. */
gboolean satchel_auth_mail_message (SatchelPeer *mail, SatchelIpcMessage *message);
/* Reports as failed what mail process @slot had not answered when it went away. */
void satchel_auth_mail_lost (guint slot);
