/* SPDX-License-Identifier: MIT
 * Keeps a session's `closed` handler away while an answer for it is on its way (role mail, main thread):
 * the same that a running job does.
 */
#pragma once
#include <satchel/protocol.h>
#include <satchel/reactor.h>

void satchel_session_hold (SatchelSession *session);
void satchel_session_unhold (SatchelSession *session);
