/* SPDX-License-Identifier: MIT
 * Declares how a notice becomes a message (RFC 5322, RFC 2045, RFC 3834).
 */
#pragma once
#include "template.h"

/* Says whether @text can stand in a From field: ASCII, one line, with an address in it. */
gboolean message_is_sender (const char *text);
/* Makes the message. @sender NULL means postmaster at the user's domain. Lines end in CRLF. */
GBytes *message_new (const Notice *notice, const Template *text, const char *sender);
