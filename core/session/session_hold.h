/* SPDX-License-Identifier: MIT
 * Holds a session: while an answer for it is on its way, its `closed` handler is not called, as while a job
 * runs (role mail, main thread).
 */
#pragma once
#include <satchel/protocol.h>
#include <satchel/reactor.h>

void satchel_session_hold (SatchelSession *session);
void satchel_session_unhold (SatchelSession *session);
