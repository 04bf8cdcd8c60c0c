/* SPDX-License-Identifier: MIT
 * Asks the server that issued a token (RFC 7662).  Role helper.
 */
#pragma once
#include "claims.h"

#include <satchel/helper.h>

typedef struct OauthEndpoint
{
  const SatchelConfig *section;
  const OauthSettings *settings;
  char *url;
  char *name, *password; /* in the form of RFC 6749 2.3.1; NULL: unset */
} OauthEndpoint;

/* Reads the settings before there are threads. @secret NULL means that there is none. */
void oauth_endpoint_init (OauthEndpoint *endpoint, const SatchelConfig *section,
                          const OauthSettings *settings, const char *secret);
void oauth_endpoint_clear (OauthEndpoint *endpoint);
/* Asks about a token, and ends by the time of @call. [blocks] */
void oauth_endpoint_check (const OauthEndpoint *endpoint, const char *token, SatchelHelperCall *call,
                           OauthFindings *ret_findings);
