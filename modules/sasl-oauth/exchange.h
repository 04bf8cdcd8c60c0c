/* SPDX-License-Identifier: MIT
 * OAUTHBEARER and XOAUTH2 as tables for the core.  Role auth.
 */
#pragma once
#include "settings.h"

#include <satchel/sasl.h>

extern const SatchelSaslOps oauth_bearer, oauth_xoauth2;
/* Sets what logins follow from now on; it is copied. */
void oauth_exchange_configure (const OauthSettings *settings);
void oauth_exchange_clear (void);
