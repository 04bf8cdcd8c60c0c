/* SPDX-License-Identifier: MIT
 * Lists the settings of module sasl-oauth.
 */
#include "settings.h"

#include <string.h>

#define INTO(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, OauthSettings, member)

const SatchelConfigRow oauth_schema[] = {
  { "tokens", INTO (ENUM, check), "jwt",
    "jwt: tokens are signed, and checked against the keys in key_file; introspection: the server that issued "
    "them is asked about each",
    .choices = "jwt|introspection" },
  { "key_file", INTO (PATH, key_file), NULL,
    "Public keys of the issuer: a JSON Web Key Set, or keys and certificates in PEM; read again when it "
    "changes" },
  { "issuer", INTO (STRING, issuer), NULL, "Who must have issued a token: its claim iss, to the letter" },
  { "audience", INTO (STRINGS, audience), NULL, "For whom a token must be: its claim aud has one of these" },
  { "scope", INTO (STRINGS, scope), NULL, "What a token must allow: its claim scope has all of these" },
  { "user_claim", INTO (STRING, user_claim), "preferred_username",
    "Claim that names the user, with or without domain; it must be one that nobody can choose for himself" },
  { "leeway", INTO (DURATION, leeway_ms), "30s",
    "How far the clock of the issuer may be from this machine's, when the times of a token are looked at",
    .min = 0, .max = SATCHEL_MINUTES (5) },
  { "is_second_factor", INTO (BOOL, is_second_factor), "false",
    "Who shows a token is asked for no second factor, since the issuer has asked for one. Otherwise a user "
    "who needs a code gets in with a token only where a grant is open" },
  { "xoauth2", INTO (BOOL, has_xoauth2), "true",
    "Also offer XOAUTH2, which many clients know instead of OAUTHBEARER" },
  { "openid_configuration", INTO (STRING, openid_configuration), NULL,
    "Address that a client is told after a failure, where it finds out how to get a token" },
  { "server", INTO (ENDPOINT, server), NULL,
    "Where the introspection endpoint listens, as host:port; it is always asked over TLS",
    .flags = SATCHEL_CONFIG_RELOADABLE },
  { "path", INTO (STRING, path), "/introspect", "Path of the introspection endpoint" },
  { "ca_file", INTO (PATH, ca_file), NULL, "Certificates that the endpoint's own must follow from" },
  { "client_id", INTO (STRING, client_id), NULL, "Name that this server has at the endpoint" },
  { "client_secret", SATCHEL_CONFIG_SECRET, NULL, "Password of that name" },
  { "cache_time", INTO (DURATION, cache_ms), "1m",
    "How long a token that the endpoint called active is not asked about again; a token that is revoked "
    "there opens sessions for so long",
    .min = 0, .max = SATCHEL_MINUTES (10) },
  { "connections", INTO (INT, connections), "4", "Questions to the endpoint at a time", .min = 1, .max = 64 },
  { NULL }
};

/* Says whether a text goes into a JSON text without a change. */
static gboolean
is_plain (const char *text)
{
  for (; *text != '\0'; text++)
    if (*text <= ' ' || *text >= 0x7f || *text == '"' || *text == '\\')
      return FALSE;
  return TRUE;
}

static gboolean
refuse (GError **error, const char *key, const char *why)
{
  return satchel_error_set_setting (error, key, "%s", why);
}

static gboolean
check_texts (const OauthSettings *settings, GError **error)
{
  for (guint i = 0; settings->scope[i] != NULL; i++)
    if (*settings->scope[i] == '\0' || !is_plain (settings->scope[i]))
      return refuse (error, "scope", "each scope is one word of ASCII without quotes");
  if (settings->openid_configuration != NULL && !is_plain (settings->openid_configuration))
    return refuse (error, "openid_configuration", "it is no address");
  if (*settings->user_claim == '\0')
    return refuse (error, "user_claim", "it is empty");
  if (*settings->path != '/' || !is_plain (settings->path))
    return refuse (error, "path", "a path begins with /, and has neither blanks nor quotes");
  return TRUE;
}

static gboolean
check_jwt (const OauthSettings *settings, GError **error)
{
  if (settings->key_file == NULL)
    return refuse (error, "key_file", "it is needed with tokens = \"jwt\"");
  if (settings->issuer == NULL)
    return refuse (error, "issuer", "it is needed with tokens = \"jwt\"");
  return TRUE;
}

static gboolean
check_introspection (const OauthSettings *settings, GError **error)
{
  if (settings->server == NULL || g_str_has_prefix (settings->server, "unix:"))
    return refuse (error, "server", "with tokens = \"introspection\" it is host:port");
  if (settings->ca_file == NULL)
    return refuse (
        error, "ca_file",
        "it is needed with tokens = \"introspection\"; /etc/ssl/certs/ca-certificates.crt has those "
        "of the public authorities");
  return TRUE;
}

gboolean
oauth_settings_check (const OauthSettings *settings, GError **error)
{
  /* A token that was made for another service must not open mail. */
  if (settings->audience[0] == NULL && (settings->check == OAUTH_JWT || settings->scope[0] == NULL))
    return refuse (error, "audience", "it says which tokens are meant for mail; without it any would do");
  return check_texts (settings, error)
         && (settings->check == OAUTH_JWT ? check_jwt (settings, error)
                                          : check_introspection (settings, error));
}
