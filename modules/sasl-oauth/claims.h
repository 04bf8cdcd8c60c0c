/* SPDX-License-Identifier: MIT
 * Declares what a token says, and whether that is enough. It is the same for a signed token and for an
 * endpoint's answer.
 */
#pragma once
#include "settings.h"

#include <jansson.h>

typedef enum
{
  OAUTH_UNAVAILABLE = 0, /* the token cannot be checked now */
  OAUTH_RIGHT,
  OAUTH_WRONG,
  OAUTH_NO_SCOPE
} OauthVerdict;

typedef struct OauthFindings
{
  OauthVerdict verdict;
  char *user, *client; /* for RIGHT: the names that the token has; `client` may be "" */
  gint64 expires_s;    /* for RIGHT; G_MAXINT64: the token does not say it */
  char *why;           /* for every other verdict: the reason, for the log */
} OauthFindings;
void oauth_findings_clear (OauthFindings *findings);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (OauthFindings, oauth_findings_clear)
void oauth_findings_say (OauthFindings *findings, OauthVerdict verdict, const char *why);

/* Reads an object. NULL means that it is none, or that a name is in it twice. json_decref frees it. */
json_t *oauth_json_parse (const char *text, gsize len);
/* Returns a text without control characters of at most 255 bytes, borrowed; NULL means that there is none. */
const char *oauth_json_text (const json_t *object, const char *key);

/* Checks claims. @now_s is seconds since 1970. */
void oauth_claims_check (const json_t *claims, const OauthSettings *settings, gint64 now_s,
                         OauthFindings *ret_findings);
