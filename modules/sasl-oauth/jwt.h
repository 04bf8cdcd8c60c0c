/* SPDX-License-Identifier: MIT
 * Declares signed tokens: JSON Web Signatures in their compact form (RFC 7515 3.1) with claims in them (RFC
 * 7519).
 */
#pragma once
#include "claims.h"
#include "keys.h"

void oauth_jwt_check (const char *token, const GPtrArray *keys, const OauthSettings *settings, gint64 now_s,
                      OauthFindings *ret_findings);
