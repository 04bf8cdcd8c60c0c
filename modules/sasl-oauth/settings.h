/* SPDX-License-Identifier: MIT
 * Declares the settings of module sasl-oauth.
 */
#pragma once
#include <satchel/config.h>

typedef enum /* in the order of the setting's choices */
{
  OAUTH_JWT = 0,
  OAUTH_INTROSPECTION
} OauthCheck;

typedef struct OauthSettings
{
  OauthCheck check;
  const char *key_file, *issuer, *user_claim, *openid_configuration; /* NULL: unset, as below */
  const char *const *audience, *const *scope;                        /* never NULL */
  gint64 leeway_ms, cache_ms;
  gboolean is_second_factor, has_xoauth2;
  const char *server, *path, *client_id, *ca_file;
  guint connections;
} OauthSettings;

extern const SatchelConfigRow oauth_schema[];
/* Checks what the table of settings cannot. */
gboolean oauth_settings_check (const OauthSettings *settings, GError **error);
