/* SPDX-License-Identifier: MIT
 * Declares the turn of a user's placement to a converted store (decision 0081).
 */
#pragma once
#include "core/daemon/auth/auth.h"

/* Takes TURN of @mail, and answers TURNED.  FALSE: malformed. */
gboolean satchel_auth_turn_message (SatchelAuth *auth, SatchelPeer *mail, SatchelIpcMessage *message);
