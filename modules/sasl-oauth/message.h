/* SPDX-License-Identifier: MIT
 * What clients send: the first messages of OAUTHBEARER (RFC 7628 3.1) and XOAUTH2.
 */
#pragma once
#include <satchel/types.h>

#define OAUTH_TOKEN_MAX 8192u

typedef struct OauthMessage
{
  char *user;  /* name of the user as the client sent it */
  char *token; /* NULL: the client sent none, to be told where it gets one (RFC 7628 3.2.2); wiped */
} OauthMessage;

/* These read the first message of a client. FALSE means that it is none. */
gboolean oauth_bearer_parse (const guint8 *data, gsize len, OauthMessage *ret_message);
gboolean oauth_xoauth2_parse (const guint8 *data, gsize len, OauthMessage *ret_message);
void oauth_message_clear (OauthMessage *message);
