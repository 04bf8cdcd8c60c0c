/* SPDX-License-Identifier: MIT
 * Declares deliveries that auth asks for (role mail, main thread).
 */
#pragma once
#include "core/session/delivery/delivery_private.h"

/* Takes ACCOUNT_MAIL from auth.  FALSE means that the message is malformed, and the link must be closed. */
gboolean satchel_delivery_account_message (SatchelIpcMessage *message);
/* Returns the number of those that have not ended. */
guint satchel_delivery_n_account (void);
