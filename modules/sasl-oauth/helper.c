/* SPDX-License-Identifier: MIT
 * Runs the helper's half: it checks a token in the way that the settings name, and says whose it is.
 */
#include "helper.h"

#include "cache.h"
#include "introspection.h"
#include "jwt.h"
#include "key_file.h"
#include "message.h"
#include "words.h"

#include <curl/curl.h>
#include <string.h>

static struct
{
  OauthSettings settings;
  OauthEndpoint endpoint;
  char *trouble;
} own;

static void
check_jwt (const char *token, gint64 now_s, OauthFindings *ret_findings)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) keys = oauth_key_file_get (own.settings.key_file, &error);
  if (keys != NULL)
    oauth_jwt_check (token, keys, &own.settings, now_s, ret_findings);
  else
    oauth_findings_say (ret_findings, OAUTH_UNAVAILABLE, error->message);
}

static void
check_at_endpoint (const char *token, gint64 now_s, SatchelHelperCall *call, OauthFindings *ret_findings)
{
  if (oauth_cache_find (token, now_s, ret_findings))
    return;
  oauth_endpoint_check (&own.endpoint, token, call, ret_findings);
  if (ret_findings->verdict == OAUTH_RIGHT && own.settings.cache_ms >= 1000)
    oauth_cache_add (token, ret_findings, now_s + own.settings.cache_ms / 1000);
}

static void
reply_findings (SatchelHelperCall *call, const OauthFindings *findings)
{
  const char *const right[] = { OAUTH_SAY_RIGHT, findings->user, findings->client, NULL };
  const char *const wrong[] = { findings->verdict == OAUTH_NO_SCOPE ? OAUTH_SAY_SCOPE : OAUTH_SAY_WRONG,
                                findings->why, NULL };
  if (findings->verdict == OAUTH_UNAVAILABLE)
    {
      satchel_helper_fail (call, SATCHEL_ERROR_UNAVAILABLE, findings->why);
      return;
    }
  g_autoptr (GBytes) reply = satchel_helper_pack (findings->verdict == OAUTH_RIGHT ? right : wrong);
  satchel_helper_reply (call, reply);
}

static void
handle (SatchelHelperCall *call)
{
  g_autofree const char **texts = satchel_helper_unpack (satchel_helper_call_request (call), 2);
  guint n = texts != NULL ? g_strv_length ((char **) texts) : 0;
  if (n != 2 || strcmp (texts[0], OAUTH_ASK_TOKEN) != 0 || strlen (texts[1]) > OAUTH_TOKEN_MAX)
    {
      satchel_helper_fail (call, SATCHEL_ERROR_INVALID, "the request to the helper is malformed");
      return;
    }
  g_auto (OauthFindings) findings = { 0 };
  gint64 now_s = g_get_real_time () / G_USEC_PER_SEC;
  if (own.settings.check == OAUTH_JWT)
    check_jwt (texts[1], now_s, &findings);
  else
    check_at_endpoint (texts[1], now_s, call, &findings);
  reply_findings (call, &findings);
}

SatchelHelperOps oauth_helper = { .size = sizeof oauth_helper, .max_calls = 4, .handle = handle };

gboolean
oauth_helper_configure (const SatchelConfig *section, GError **error)
{
  g_autoptr (GError) why = NULL;
  oauth_helper_clear ();
  satchel_config_fill (section, oauth_schema, &own.settings);
  if (own.settings.check == OAUTH_JWT)
    return TRUE;
  oauth_helper.max_calls = own.settings.connections;
  if (curl_global_init (CURL_GLOBAL_ALL) != CURLE_OK)
    return satchel_error_set (error, SATCHEL_ERROR_FAILED, "the library libcurl cannot be initialized");
  char *secret = satchel_config_secret (section, "client_secret", &why);
  /* It is no mistake if only the helper's account can read the file. */
  if (why != NULL && why->code != SATCHEL_ERROR_NONEXISTENT)
    own.trouble = g_strdup_printf ("client_secret: %s", why->message);
  oauth_endpoint_init (&own.endpoint, section, &own.settings, secret);
  satchel_secret_free (secret);
  return TRUE;
}

gboolean
oauth_helper_start (GError **error)
{
  if (own.trouble != NULL)
    return satchel_error_set (error, SATCHEL_ERROR_FAILED, "%s", own.trouble);
  if (own.settings.check != OAUTH_JWT)
    return TRUE;
  g_autoptr (GPtrArray) keys = oauth_key_file_get (own.settings.key_file, error);
  return keys != NULL;
}

void
oauth_helper_clear (void)
{
  oauth_endpoint_clear (&own.endpoint);
  oauth_key_file_clear ();
  oauth_cache_clear ();
  g_free (own.trouble);
  memset (&own, 0, sizeof own);
}
