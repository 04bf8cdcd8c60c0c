/* SPDX-License-Identifier: MIT
 * A connection of an MTA that asks for recipients.
 */
#pragma once
#include <satchel/protocol.h>

extern const SatchelConnectionHandlers socketmap_session_handlers;
gpointer socketmap_session_new (SatchelSession *session, const void *note, gsize len);
