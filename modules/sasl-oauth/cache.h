/* SPDX-License-Identifier: MIT
 * Tokens that were found to be right a short time ago, by their digests.  [any thread]
 */
#pragma once
#include "claims.h"

#define OAUTH_CACHE_MAX 4096u

/* TRUE: @token is remembered at @now_s. */
gboolean oauth_cache_find (const char *token, gint64 now_s, OauthFindings *ret_findings);
/* @until_s: the token is asked about again from then on. */
void oauth_cache_add (const char *token, const OauthFindings *findings, gint64 until_s);
void oauth_cache_clear (void);
