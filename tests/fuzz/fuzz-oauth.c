/* SPDX-License-Identifier: MIT
 * Any bytes as what a client sends, as a token, as its claims, and as a file of keys: what is taken is in
 * bounds and was checked, and nothing that was not signed opens anything.
 */
#include "modules/sasl-oauth/jwt.h"
#include "modules/sasl-oauth/message.h"

#include <string.h>

#include "tests/fuzz/driver.h"

#define NOW_S 1300819000
#define KEY                                                                                                  \
  "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","      \
  "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}"
/* RFC 7515 A.3 */
#define TOKEN                                                                                                \
  "eyJhbGciOiJFUzI1NiJ9."                                                                                    \
  "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."          \
  "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"

const gboolean fuzz_wants_mail = FALSE;
const char *const fuzz_seeds[] = {
  "n,a=user@example.com,\001host=server.example.com\001port=143\001auth=Bearer abc==\001\001",
  "user=user@example.com\001auth=Bearer abc\001\001",
  TOKEN,
  KEY,
  "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
  "-----END PUBLIC KEY-----\n",
  "{\"iss\":\"joe\",\"aud\":[\"mail\"],\"exp\":1300819380,\"nbf\":1,\"name\":\"anna\","
  "\"scope\":\"imap\",\"azp\":\"x\"}",
  "",
  NULL
};
const char *const fuzz_tokens[] = { "\001",
                                    ",a=",
                                    "=2C",
                                    "=3D",
                                    "auth=Bearer ",
                                    "auth=",
                                    "host=",
                                    "port=65536",
                                    ".",
                                    "..",
                                    "eyJhbGciOiJub25lIn0",
                                    "\"exp\":1e400",
                                    "\"exp\":-1",
                                    "\"aud\":",
                                    "[",
                                    "{",
                                    "null",
                                    "\\u0000",
                                    "\"kty\":\"RSA\"",
                                    "\"kid\":",
                                    "-----BEGIN CERTIFICATE-----",
                                    "\xff",
                                    "\n",
                                    NULL };

static void
check_message (const OauthMessage *message)
{
  g_assert_true (g_utf8_validate (message->user, -1, NULL) && *message->user != '\0'
                 && strlen (message->user) <= 255);
  if (message->token == NULL)
    return;
  g_assert_true (*message->token != '\0' && strlen (message->token) <= OAUTH_TOKEN_MAX);
  for (const char *c = message->token; *c != '\0'; c++)
    g_assert_true (*c > ' ' && *c < 0x7f && *c != '"' && *c != ',');
}

static void
try_messages (const uint8_t *data, size_t size)
{
  OauthMessage message = { 0 };
  if (oauth_bearer_parse (data, size, &message))
    check_message (&message);
  oauth_message_clear (&message);
  if (oauth_xoauth2_parse (data, size, &message))
    check_message (&message);
  oauth_message_clear (&message);
}

static const char *const audience[] = { "mail", NULL }, *const nothing[] = { NULL };

/* The one signature of the key that is known anywhere is that of the example. */
static void
try_token (const char *text)
{
  static GPtrArray *keys;
  static const OauthSettings settings = {
    .issuer = "joe", .audience = nothing, .scope = nothing, .user_claim = "iss"
  };
  if (keys == NULL)
    keys = oauth_keys_parse (KEY, strlen (KEY), NULL);
  g_auto (OauthFindings) findings = { 0 };
  oauth_jwt_check (text, keys, &settings, NOW_S, &findings);
  g_assert_true (findings.verdict == OAUTH_WRONG
                 || g_str_has_prefix (text, "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2Ui"));
}

static void
try_claims (const char *text, gsize len)
{
  const OauthSettings settings = {
    .issuer = "joe", .audience = audience, .scope = nothing, .user_claim = "name"
  };
  g_auto (OauthFindings) findings = { 0 };
  json_t *claims = oauth_json_parse (text, len);
  if (claims != NULL)
    oauth_claims_check (claims, &settings, NOW_S, &findings);
  if (findings.verdict == OAUTH_RIGHT)
    {
      g_assert_cmpint (findings.expires_s, >, NOW_S);
      g_assert_true (findings.user != NULL && *findings.user != '\0' && findings.client != NULL);
      g_assert_cmpstr (json_string_value (json_object_get (claims, "iss")), ==, "joe");
    }
  json_decref (claims);
}

static void
try_keys (const char *text, gsize len)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) keys = oauth_keys_parse (text, len, &error);
  g_assert_true ((keys != NULL) == (error == NULL));
  g_assert_true (keys == NULL || (keys->len > 0 && keys->len <= OAUTH_KEYS_MAX));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup (size > 0 ? (const char *) data : "", size);
  try_messages (data, size);
  try_token (text);
  try_claims (text, size);
  try_keys (text, size);
  return 0;
}
