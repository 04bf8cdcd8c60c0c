/* SPDX-License-Identifier: MIT
 * Declares the tokens that were found to be right a short time ago, by their digests. [any thread]
 */
#pragma once
#include "claims.h"

#define OAUTH_CACHE_MAX 4096u

/* Says whether @token is remembered at @now_s (seconds since 1970). */
gboolean oauth_cache_find (const char *token, gint64 now_s, OauthFindings *ret_findings);
/* Remembers a token, which is asked about again from @until_s on. */
void oauth_cache_add (const char *token, const OauthFindings *findings, gint64 until_s);
void oauth_cache_clear (void);
