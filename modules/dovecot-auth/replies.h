/* SPDX-License-Identifier: MIT
 * Declares the writers of replies of the Dovecot authentication protocol, version 1. No other file writes to
 * the connection.
 */
#pragma once
#include <satchel/protocol.h>

#define DOVECOT_COOKIE_BYTES 16u

/* Writes the server's side of the handshake, which offers the mechanisms @names (NULL-ended). */
void dovecot_send_handshake (SatchelGateSession *session, const char *const *names, const guint8 *cookie);
/* Reports that a request failed.  @flag says why in a word of the protocol.  Each of @user, @flag and @reason
 * may be NULL. */
void dovecot_send_failure (SatchelConnection *connection, guint32 id, const char *user, const char *flag,
                           const char *reason);
void dovecot_send_success (SatchelConnection *connection, guint32 id, const char *user);
void dovecot_send_challenge (SatchelConnection *connection, guint32 id, const guint8 *challenge, gsize len);
