/* SPDX-License-Identifier: MIT
 * What an admin may ask of auth: status, release USER, adopt USER [SLOT].
 */
#pragma once
#include "core/daemon/auth.h"

/* FALSE: not known here. */
gboolean satchel_auth_admin (SatchelAuth *auth, guint64 request, const char *const *argv);
/* RELEASED came from @mail.  FALSE: nobody asked for it. */
gboolean satchel_auth_admin_released (SatchelAuth *auth, SatchelPeer *mail, const char *user);
/* A mail process died: what it had is released with it. */
void satchel_auth_admin_mail_lost (SatchelAuth *auth, SatchelPeer *mail);
