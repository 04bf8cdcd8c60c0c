/* SPDX-License-Identifier: MIT
 * Describes sasl-oauth: the SASL mechanisms OAUTHBEARER (RFC 7628) and XOAUTH2. Roles auth (the mechanisms)
 * and helper (checks tokens).
 */
#include "exchange.h"
#include "helper.h"
#include "settings.h"
#include "words.h"

#include <satchel/module.h>

static gboolean
check_settings (const SatchelConfig *section, GError **error)
{
  OauthSettings settings = { 0 };
  satchel_config_fill (section, oauth_schema, &settings);
  return oauth_settings_check (&settings, error);
}

static gboolean
configure (const SatchelConfig *section, GError **error)
{
  OauthSettings settings = { 0 };
  satchel_config_fill (section, oauth_schema, &settings);
  oauth_exchange_configure (&settings);
  return oauth_helper_configure (section, error);
}

static gboolean
start (SatchelRole role, GError **error)
{
  if (role == SATCHEL_ROLE_HELPER)
    return oauth_helper_start (error);
  oauth_helper_clear (); /* auth does not need the password for the endpoint */
  return TRUE;
}

/* Frees what logins use.  What the helper has is left to the end of the process, since its threads may still
 * use it. */
static void
stop (void)
{
  oauth_exchange_clear ();
}

static const SatchelProvides provides[] = {
  { .kind = SATCHEL_KIND_SASL, .name = "OAUTHBEARER", .ops = &oauth_bearer },
  { .kind = SATCHEL_KIND_SASL, .name = "XOAUTH2", .ops = &oauth_xoauth2 },
  { .kind = SATCHEL_KIND_HELPER, .ops = &oauth_helper },
  { 0 },
};

static const SatchelModule descriptor = {
  SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
  .name = OAUTH_NAME,
  .version = "0.1.0",
  .description = "The SASL mechanisms OAUTHBEARER and XOAUTH2: logins by tokens",
  .licence = "MIT",
  .roles = SATCHEL_ROLE_AUTH | SATCHEL_ROLE_HELPER,
  .schema = oauth_schema,
  .provides = provides,
  .check = check_settings,
  .configure = configure,
  .start = start,
  .stop = stop,
  /* needed since not every libcurl can use a socket that is connected already */
  .rights = SATCHEL_RIGHT_CONNECT,
};

const SatchelModule *
satchel_module (void)
{
  return &descriptor;
}
