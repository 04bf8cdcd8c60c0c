/* SPDX-License-Identifier: MIT
 * Defines the words between auth and the helper. A request is "token" and the token. A reply is "right", the
 * user as the token names it, and the program that the token was issued to ("" if it does not say), or it is
 * "wrong" or "scope", and what is wrong, for the administrator.
 */
#pragma once

#define OAUTH_NAME "sasl-oauth"
#define OAUTH_ASK_TOKEN "token"
#define OAUTH_SAY_RIGHT "right"
#define OAUTH_SAY_WRONG "wrong"
#define OAUTH_SAY_SCOPE "scope"

/* These words tell a client what is wrong (RFC 7628 3.2.2, RFC 6750 3.1). */
#define OAUTH_STATUS_TOKEN "invalid_token"
#define OAUTH_STATUS_SCOPE "insufficient_scope"
