/* SPDX-License-Identifier: MIT
 * This file asks an introspection endpoint by libcurl, which connects by itself: it can take connected
 * sockets, but not in all releases (7.88 connects them once more).  The connector resolves the name.
 */
#include "introspection.h"

#include <curl/curl.h>
#include <satchel/endpoint.h>
#include <string.h>

#define ANSWER_MAX 65536u
#if LIBCURL_VERSION_NUM >= 0x075500
#define PROTOCOLS_OPTION CURLOPT_PROTOCOLS_STR
#define PROTOCOLS_HTTPS "https"
#else
#define PROTOCOLS_OPTION CURLOPT_PROTOCOLS
#define PROTOCOLS_HTTPS (long) CURLPROTO_HTTPS
#endif

/* Returns a text as a value of a form, which is what both halves of the credentials are (RFC 6749 2.3.1). The
 * caller frees it. */
static char *
escape (const char *text)
{
  char *escaped = text != NULL ? curl_easy_escape (NULL, text, (int) strlen (text)) : NULL;
  char *copy = g_strdup (escaped);
  curl_free (escaped);
  return copy;
}

void
oauth_endpoint_init (OauthEndpoint *endpoint, const SatchelConfig *section, const OauthSettings *settings,
                     const char *secret)
{
  *endpoint = (OauthEndpoint) { .section = section, .settings = settings };
  endpoint->url = g_strdup_printf ("https://%s%s", settings->server, settings->path);
  endpoint->name = escape (settings->client_id);
  endpoint->password = escape (secret);
}

void
oauth_endpoint_clear (OauthEndpoint *endpoint)
{
  satchel_secret_free (endpoint->password);
  g_free (endpoint->name);
  g_free (endpoint->url);
  memset (endpoint, 0, sizeof *endpoint);
}

/* The endpoint is asked one question at a time. */
typedef struct Question
{
  const OauthEndpoint *endpoint;
  SatchelHelperCall *call;
  GString *answer;
} Question;

/* Resolves the endpoint, and returns HOST:PORT:ADDRESS, from which curl takes its address. NULL means that it
 * has none now. */
static struct curl_slist *
resolve (const OauthEndpoint *endpoint, SatchelHelperCall *call, GError **error)
{
  g_autofree char *address = satchel_endpoint_resolve (endpoint->section, "server",
                                                       MAX (satchel_helper_call_left_ms (call), 1), error);
  if (address == NULL)
    return NULL;
  *strrchr (address, ':') = '\0';
  g_autofree char *row = g_strdup_printf ("%s:%s", endpoint->settings->server, address);
  return curl_slist_append (NULL, row);
}

static size_t
take_answer (char *data, size_t size, size_t n, void *user)
{
  GString *answer = ((Question *) user)->answer;
  if (size * n > ANSWER_MAX - answer->len)
    return 0; /* this result makes curl end the transfer */
  g_string_append_len (answer, data, (gssize) (size * n));
  return size * n;
}

static int
look_at_time (void *data, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up)
{
  return satchel_helper_call_is_cancelled (((Question *) data)->call);
}

static gboolean
set_transport (CURL *curl, Question *question, struct curl_slist *addresses)
{
  const OauthEndpoint *endpoint = question->endpoint;
  return curl_easy_setopt (curl, CURLOPT_URL, endpoint->url) == CURLE_OK
         && curl_easy_setopt (curl, PROTOCOLS_OPTION, PROTOCOLS_HTTPS) == CURLE_OK
         && curl_easy_setopt (curl, CURLOPT_RESOLVE, addresses) == CURLE_OK
         && curl_easy_setopt (curl, CURLOPT_PROXY, "") == CURLE_OK
         && curl_easy_setopt (curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK
         && curl_easy_setopt (curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK
         && curl_easy_setopt (curl, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2) == CURLE_OK
         && curl_easy_setopt (curl, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK
         && curl_easy_setopt (curl, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK
         && curl_easy_setopt (curl, CURLOPT_CAPATH, NULL) == CURLE_OK
         && curl_easy_setopt (curl, CURLOPT_CAINFO, endpoint->settings->ca_file) == CURLE_OK
         && curl_easy_setopt (curl, CURLOPT_TIMEOUT_MS,
                              (long) MAX (satchel_helper_call_left_ms (question->call), 1))
                == CURLE_OK;
}

static gboolean
set_request (CURL *curl, Question *question, const char *form, struct curl_slist *headers)
{
  const OauthEndpoint *endpoint = question->endpoint;
  gboolean ok = curl_easy_setopt (curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK
                && curl_easy_setopt (curl, CURLOPT_POSTFIELDS, form) == CURLE_OK
                && curl_easy_setopt (curl, CURLOPT_WRITEFUNCTION, take_answer) == CURLE_OK
                && curl_easy_setopt (curl, CURLOPT_WRITEDATA, question) == CURLE_OK
                && curl_easy_setopt (curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK
                && curl_easy_setopt (curl, CURLOPT_XFERINFOFUNCTION, look_at_time) == CURLE_OK
                && curl_easy_setopt (curl, CURLOPT_XFERINFODATA, question) == CURLE_OK;
  if (ok && endpoint->name != NULL)
    ok = curl_easy_setopt (curl, CURLOPT_HTTPAUTH, (long) CURLAUTH_BASIC) == CURLE_OK
         && curl_easy_setopt (curl, CURLOPT_USERNAME, endpoint->name) == CURLE_OK
         && curl_easy_setopt (curl, CURLOPT_PASSWORD, endpoint->password != NULL ? endpoint->password : "")
                == CURLE_OK;
  return ok;
}

/* Sends the question. Returns NULL, or what went wrong, which the caller frees. */
static char *
post (CURL *curl, Question *question)
{
  long status = 0;
  CURLcode rc = curl_easy_perform (curl);
  if (rc == CURLE_WRITE_ERROR)
    return g_strdup_printf ("the answer is longer than %u bytes", ANSWER_MAX);
  if (rc != CURLE_OK)
    return g_strdup (curl_easy_strerror (rc));
  curl_easy_getinfo (curl, CURLINFO_RESPONSE_CODE, &status);
  if (status == 401 || status == 403)
    return g_strdup_printf ("it does not take client_id and client_secret (status %ld)", status);
  return status == 200 ? NULL : g_strdup_printf ("it answers with status %ld", status);
}

static void
wipe_free (char *text)
{
  if (text != NULL)
    explicit_bzero (text, strlen (text));
  g_free (text);
}

static char *
ask (Question *question, const char *token)
{
  g_autoptr (GError) error = NULL;
  struct curl_slist *addresses = resolve (question->endpoint, question->call, &error),
                    *headers = curl_slist_append (NULL, "Accept: application/json");
  char *escaped = escape (token);
  char *form = g_strconcat ("token_type_hint=access_token&token=", escaped, NULL);
  CURL *curl = curl_easy_init ();
  char *why = error != NULL ? g_strdup (error->message)
              : curl == NULL || addresses == NULL || headers == NULL
                      || !set_transport (curl, question, addresses)
                      || !set_request (curl, question, form, headers)
                  ? g_strdup ("libcurl cannot do what is needed")
                  : post (curl, question);
  if (curl != NULL)
    curl_easy_cleanup (curl);
  curl_slist_free_all (addresses);
  curl_slist_free_all (headers);
  wipe_free (form);
  wipe_free (escaped);
  return why;
}

static void
fail (OauthFindings *findings, const char *why)
{
  g_autofree char *text = g_strdup_printf ("the introspection endpoint: %s", why);
  oauth_findings_say (findings, OAUTH_UNAVAILABLE, text);
}

/* Reads what the endpoint said, whose answer may be anything. */
static void
read_answer (const OauthEndpoint *endpoint, const GString *answer, OauthFindings *ret_findings)
{
  json_t *json = oauth_json_parse (answer->str, answer->len);
  const json_t *active = json_object_get (json, "active");
  if (!json_is_boolean (active))
    fail (ret_findings, "its answer is not one that RFC 7662 describes");
  else if (json_is_false (active))
    oauth_findings_say (ret_findings, OAUTH_WRONG, "the token is not active");
  else
    oauth_claims_check (json, endpoint->settings, g_get_real_time () / G_USEC_PER_SEC, ret_findings);
  json_decref (json);
}

void
oauth_endpoint_check (const OauthEndpoint *endpoint, const char *token, SatchelHelperCall *call,
                      OauthFindings *ret_findings)
{
  Question question = { .endpoint = endpoint, .call = call, .answer = g_string_new (NULL) };
  g_autofree char *why = ask (&question, token);
  if (why != NULL)
    fail (ret_findings, why);
  else
    read_answer (endpoint, question.answer, ret_findings);
  g_string_free (question.answer, TRUE);
}
