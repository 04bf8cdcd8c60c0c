/* SPDX-License-Identifier: MIT
 * This header declares mail that auth's modules send to users, through the mail process that owns them.
 */
#pragma once
#include "core/daemon/auth/auth.h"

void satchel_auth_mail_start (SatchelAuth *auth);
/* Nobody is told any more. */
void satchel_auth_mail_stop (void);
/* Takes an ACCOUNT_MAIL_REPLY of @mail. FALSE means that it is malformed. */
gboolean satchel_auth_mail_message (SatchelPeer *mail, SatchelIpcMessage *message);
/* Mail process @slot is gone: what it had not answered was not delivered, as far as anybody knows. */
void satchel_auth_mail_lost (guint slot);
