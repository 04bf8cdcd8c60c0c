/* SPDX-License-Identifier: MIT
 * This file reads the claims of RFC 7519 4.1, RFC 9068 2.2 and RFC 7662 2.2: who issued the token, for whom
 * and for what, until when, and whose it is.
 */
#include "claims.h"

#include <string.h>

#define TEXT_MAX 255u

void
oauth_findings_clear (OauthFindings *findings)
{
  g_clear_pointer (&findings->user, g_free);
  g_clear_pointer (&findings->client, g_free);
  g_clear_pointer (&findings->why, g_free);
}

void
oauth_findings_say (OauthFindings *findings, OauthVerdict verdict, const char *why)
{
  oauth_findings_clear (findings);
  findings->verdict = verdict;
  findings->why = g_strdup (why);
}

json_t *
oauth_json_parse (const char *text, gsize len)
{
  json_t *json = json_loadb (text, len, JSON_REJECT_DUPLICATES, NULL);
  if (json_is_object (json))
    return json;
  json_decref (json);
  return NULL;
}

const char *
oauth_json_text (const json_t *object, const char *key)
{
  const char *text = json_string_value (json_object_get (object, key));
  if (text == NULL || strlen (text) > TEXT_MAX)
    return NULL;
  for (const char *c = text; *c != '\0'; c++)
    if (g_ascii_iscntrl (*c))
      return NULL;
  return text;
}

/* Says whether a text, or a list of texts, has one that is @wanted. */
static gboolean
has_text (const json_t *json, const char *wanted)
{
  if (json_is_string (json))
    return strcmp (json_string_value (json), wanted) == 0;
  for (gsize i = 0; i < json_array_size (json); i++)
    if (g_strcmp0 (json_string_value (json_array_get (json, i)), wanted) == 0)
      return TRUE;
  return FALSE;
}

static gboolean
is_for_us (const json_t *claims, const char *const *audience)
{
  const json_t *aud = json_object_get (claims, "aud");
  for (guint i = 0; audience[i] != NULL; i++)
    if (has_text (aud, audience[i]))
      return TRUE;
  return audience[0] == NULL;
}

/* Says whether a token allows @scope: as words with blanks between them (RFC 8693 4.2), as a list, which some
 * issuers write, or as "scp", which is Microsoft's. */
static gboolean
allows (const json_t *claims, const char *scope)
{
  static const char *const keys[] = { "scope", "scp" };
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      const json_t *value = json_object_get (claims, keys[i]);
      g_auto (GStrv) words = g_strsplit (json_is_string (value) ? json_string_value (value) : "", " ", -1);
      if (json_is_array (value) ? has_text (value, scope)
                                : g_strv_contains ((const char *const *) words, scope))
        return TRUE;
    }
  return FALSE;
}

/* Reads seconds since 1970 (RFC 7519 2, NumericDate). FALSE means that it is there, and no such number. */
static gboolean
read_time (const json_t *claims, const char *key, gint64 otherwise, gint64 *ret_s)
{
  const json_t *value = json_object_get (claims, key);
  *ret_s = otherwise;
  if (value == NULL || json_is_null (value))
    return TRUE;
  double seconds = json_number_value (value);
  if (!json_is_number (value) || !(seconds >= 0 && seconds < 1e12))
    return FALSE;
  *ret_s = (gint64) seconds;
  return TRUE;
}

/* Checks the times of a token. Returns NULL, or what is wrong. */
static const char *
check_times (const json_t *claims, const OauthSettings *settings, gint64 now_s, gint64 *ret_expires_s)
{
  gint64 leeway_s = settings->leeway_ms / 1000, begins_s;
  if (!read_time (claims, "exp", G_MAXINT64, ret_expires_s) || !read_time (claims, "nbf", 0, &begins_s))
    return "a time in the token is none";
  if (*ret_expires_s == G_MAXINT64 && settings->check == OAUTH_JWT)
    return "the token does not say when it ends (exp)";
  if (*ret_expires_s != G_MAXINT64 && *ret_expires_s + leeway_s <= now_s)
    return "the token has expired (exp)";
  if (begins_s - leeway_s > now_s)
    return "the token is not good yet (nbf)";
  return NULL;
}

static const char *
check_origin (const json_t *claims, const OauthSettings *settings)
{
  const json_t *issuer = json_object_get (claims, "iss");
  if (settings->issuer != NULL && g_strcmp0 (json_string_value (issuer), settings->issuer) != 0)
    return "the token has another issuer (iss)";
  return is_for_us (claims, settings->audience) ? NULL : "the token is for somebody else (aud)";
}

/* Finds the user that a token names. An address that the issuer has not tried may be anybody's. */
static const char *
find_user (const json_t *claims, const OauthSettings *settings, const char **ret_why)
{
  const char *user = oauth_json_text (claims, settings->user_claim);
  const json_t *verified = json_object_get (claims, "email_verified");
  *ret_why = "the token does not name a user (sasl-oauth.user_claim)";
  if (user == NULL || *user == '\0')
    return NULL;
  *ret_why = "the issuer has not verified the address in the token (email_verified)";
  return strcmp (settings->user_claim, "email") != 0 || verified == NULL || json_is_true (verified) ? user
                                                                                                    : NULL;
}

static const char *
find_client (const json_t *claims)
{
  const char *client = oauth_json_text (claims, "client_id");
  if (client == NULL)
    client = oauth_json_text (claims, "azp");
  return client != NULL ? client : "";
}

void
oauth_claims_check (const json_t *claims, const OauthSettings *settings, gint64 now_s,
                    OauthFindings *ret_findings)
{
  gint64 expires_s = G_MAXINT64;
  const char *why = check_times (claims, settings, now_s, &expires_s), *user = NULL;
  if (why == NULL)
    why = check_origin (claims, settings);
  if (why == NULL)
    user = find_user (claims, settings, &why);
  if (user == NULL)
    {
      oauth_findings_say (ret_findings, OAUTH_WRONG, why);
      return;
    }
  for (guint i = 0; settings->scope[i] != NULL; i++)
    if (!allows (claims, settings->scope[i]))
      {
        oauth_findings_say (ret_findings, OAUTH_NO_SCOPE, "the token does not allow enough (scope)");
        return;
      }
  oauth_findings_say (ret_findings, OAUTH_RIGHT, NULL);
  ret_findings->user = g_strdup (user);
  ret_findings->client = g_strdup (find_client (claims));
  ret_findings->expires_s = expires_s;
}
