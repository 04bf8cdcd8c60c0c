/* SPDX-License-Identifier: MIT
 * OAUTHBEARER and XOAUTH2: what clients send, and what follows from the helper's answers.
 */
#include "core/base/user.h"
#include "core/daemon/auth/exchange/auth_sasl.h"
#include "exchange.h"
#include "message.h"
#include "words.h"

#include <satchel/helper.h>
#include <string.h>

/* The examples of RFC 7628 4.1 and 4.2, and of Google's description of XOAUTH2. */
#define BEARER                                                                                               \
  "n,a=user@example.com,\001host=server.example.com\001port=143\001auth=Bearer "                             \
  "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\001\001"
#define BEARER_TOKEN "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="
#define XOAUTH2                                                                                              \
  "user=someuser@example.com\001auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\001\001"

static gboolean
parse (gboolean is_bearer, const char *text, gsize len, OauthMessage *message)
{
  return is_bearer ? oauth_bearer_parse ((const guint8 *) text, len, message)
                   : oauth_xoauth2_parse ((const guint8 *) text, len, message);
}

static void
test_examples (void)
{
  OauthMessage message = { 0 };
  g_assert_true (parse (TRUE, BEARER, strlen (BEARER), &message));
  g_assert_cmpstr (message.user, ==, "user@example.com");
  g_assert_cmpstr (message.token, ==, BEARER_TOKEN);
  oauth_message_clear (&message);
  g_assert_true (parse (FALSE, XOAUTH2, strlen (XOAUTH2), &message));
  g_assert_cmpstr (message.user, ==, "someuser@example.com");
  g_assert_cmpstr (message.token, ==, "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg");
  oauth_message_clear (&message);
}

static const struct
{
  const char *text, *user, *token;
} good[] = {
  { "y,a=anna,\001auth=bearer abc\001\001", "anna", "abc" },
  { "n,a=a=2Cb=3Dc,\001auth=BEARER   a.b-c_d~e+f/g\001\001", "a,b=c", "a.b-c_d~e+f/g" },
  { "n,a=anna,\001x=what nobody knows\001auth=Bearer abc==\001port=1\001\001", "anna", "abc==" },
  { "n,a=anna,\001auth=\001\001", "anna", NULL },
  { "n,a=\303\244nna,\001auth=Bearer abc\001host=[2001:db8::1]\001\001", "\303\244nna", "abc" },
};

static const char *const bad[] = {
  "",
  "\001",
  "\001\001",
  "n,a=anna,",
  "n,a=anna,\001",
  "n,a=anna,\001\001",
  "n,,\001auth=Bearer abc\001\001",
  "n,a=,\001auth=Bearer abc\001\001",
  "p=tls-exporter,a=anna,\001auth=Bearer abc\001\001",
  "F,n,a=anna,\001auth=Bearer abc\001\001",
  "n,a=anna\001auth=Bearer abc\001\001",
  "n,a=an,na,\001auth=Bearer abc\001\001",
  "n,a=an=20na,\001auth=Bearer abc\001\001",
  "n,a=anna,\001auth=Bearer abc\001",
  "n,a=anna,\001auth=Bearer abc",
  "n,a=anna,\001auth=Bearer abc\001\001x",
  "n,a=anna,\001auth=Bearer abc\001\001\001",
  "n,a=anna,\001auth=Bearer \001\001",
  "n,a=anna,\001auth=Bearer\001\001",
  "n,a=anna,\001auth=Basic abc\001\001",
  "n,a=anna,\001auth=Bearer a bc\001\001",
  "n,a=anna,\001auth=Bearer =abc\001\001",
  "n,a=anna,\001auth=Bearer a=bc\001\001",
  "n,a=anna,\001auth=Bearer \303\244\001\001",
  "n,a=anna,\001auth=Bearer a\nb\001\001",
  "n,a=anna,\001auth=Bearer abc\001auth=Bearer abc\001\001",
  "n,a=anna,\001auth=\001auth=Bearer abc\001\001",
  "n,a=anna,\001host=a b\001auth=Bearer abc\001\001",
  "n,a=anna,\001host=\001auth=Bearer abc\001\001",
  "n,a=anna,\001port=0\001auth=Bearer abc\001\001",
  "n,a=anna,\001port=65536\001auth=Bearer abc\001\001",
  "n,a=anna,\001port=143x\001auth=Bearer abc\001\001",
  "n,a=anna,\001port=\001auth=Bearer abc\001\001",
  "n,a=anna,\001=x\001auth=Bearer abc\001\001",
  "n,a=anna,\001x\001auth=Bearer abc\001\001",
  "n,a=anna,\001x1=y\001auth=Bearer abc\001\001",
  "n,a=\377,\001auth=Bearer abc\001\001",
};

static void
test_grammar (void)
{
  OauthMessage message = { 0 };
  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_assert_true (parse (TRUE, good[i].text, strlen (good[i].text), &message));
      g_assert_cmpstr (message.user, ==, good[i].user);
      g_assert_cmpstr (message.token, ==, good[i].token);
      oauth_message_clear (&message);
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      if (parse (TRUE, bad[i], strlen (bad[i]), &message))
        g_error ("taken: %s", bad[i]);
      oauth_message_clear (&message);
      g_assert_false (parse (FALSE, bad[i], strlen (bad[i]), &message));
      oauth_message_clear (&message);
    }
  g_assert_false (parse (FALSE, "user=\001auth=Bearer abc\001\001", 24, &message));
  oauth_message_clear (&message);
}

/* A NUL anywhere, every shorter message, and what is longer than may be. */
static void
test_hostile (void)
{
  gsize len = strlen (BEARER);
  OauthMessage message = { 0 };
  for (gsize i = 0; i < len; i++)
    {
      g_autofree char *text = g_strdup (BEARER);
      text[i] = '\0';
      g_assert_false (parse (TRUE, text, len, &message));
      oauth_message_clear (&message);
      g_assert_false (parse (TRUE, BEARER, i, &message));
      oauth_message_clear (&message);
    }
  static const gsize lens[] = { OAUTH_TOKEN_MAX, OAUTH_TOKEN_MAX + 1, 100000 };
  for (guint i = 0; i < G_N_ELEMENTS (lens); i++)
    {
      g_autofree char *token = g_strnfill (lens[i], 'a');
      g_autofree char *text = g_strdup_printf ("n,a=anna,\001auth=Bearer %s\001\001", token);
      g_assert_cmpint (parse (TRUE, text, strlen (text), &message), ==, lens[i] <= OAUTH_TOKEN_MAX);
      oauth_message_clear (&message);
    }
  g_autofree char *name = g_strnfill (SATCHEL_SASL_USER_MAX + 1, 'a');
  g_autofree char *text = g_strdup_printf ("n,a=%s,\001auth=Bearer abc\001\001", name);
  g_assert_false (parse (TRUE, text, strlen (text), &message));
  oauth_message_clear (&message);
}

/* ---- exchanges ---- */

static const char *const no_words[] = { NULL }, *const scopes[] = { "imap", "mail", NULL };

static void
configure (const char *const *scope, const char *openid, gboolean is_second_factor)
{
  const OauthSettings settings = { .audience = no_words,
                                   .scope = scope,
                                   .openid_configuration = openid,
                                   .is_second_factor = is_second_factor,
                                   .has_xoauth2 = TRUE };
  oauth_exchange_configure (&settings);
}

static SatchelSasl *
begin (const SatchelSaslOps *ops, const SatchelLogin *login, const char *first, gboolean is_known)
{
  const SatchelCredential credential = { .size = sizeof credential };
  SatchelSasl *sasl = satchel_sasl_new (ops, login);
  g_assert_cmpint (satchel_sasl_step (sasl, (const guint8 *) first, strlen (first)), ==,
                   SATCHEL_SASL_LOOK_UP);
  SatchelSaslResult result = satchel_sasl_found (sasl, "user@example.com", is_known ? &credential : NULL);
  g_assert_cmpint (result, ==, SATCHEL_SASL_ASK);
  g_assert_cmpstr (sasl->turn.helper, ==, OAUTH_NAME);
  g_autofree const char **texts = satchel_helper_unpack (sasl->turn.request, 4);
  g_assert_cmpstr (texts[0], ==, OAUTH_ASK_TOKEN);
  g_assert_nonnull (texts[1]);
  g_assert_null (texts[2]);
  return sasl;
}

/* What follows an answer of the helper's; the turn is yours to look at, and to wipe. */
static SatchelSaslResult
answer (const SatchelSasl *sasl, const char *const *texts, SatchelSaslTurn *turn)
{
  g_autoptr (GBytes) reply = satchel_helper_pack (texts);
  *turn = (SatchelSaslTurn) { .size = sizeof *turn };
  return sasl->ops->answered (sasl->exchange, reply, NULL, turn);
}

static void
turn_free (SatchelSaslTurn *turn)
{
  g_clear_pointer (&turn->challenge, g_bytes_unref);
  g_clear_pointer (&turn->why, g_free);
  g_clear_pointer (&turn->credential, g_free);
}

static void
expect_challenge (const SatchelSaslTurn *turn, const char *text)
{
  gsize len;
  const char *data = g_bytes_get_data (turn->challenge, &len);
  g_autofree char *got = g_strndup (data, len);
  g_assert_cmpstr (got, ==, text);
  g_assert_true (turn->is_refuted);
}

static void
test_right (void)
{
  const SatchelLogin login = { .size = sizeof login, .mechanism = "OAUTHBEARER" };
  static const struct
  {
    const char *user, *client, *credential;
  } rows[] = {
    { "user@example.com", "thunderbird", "oauth:thunderbird" },
    { "USER@Example.Com", "", "oauth:token" },
    { "user", "a b\"c", "oauth:" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    for (guint is_whole = 0; is_whole < 2; is_whole++)
      {
        configure (no_words, NULL, is_whole != 0);
        g_autoptr (SatchelSasl) sasl = begin (&oauth_bearer, &login, BEARER, TRUE);
        SatchelSaslTurn turn;
        const char *const texts[] = { OAUTH_SAY_RIGHT, rows[i].user, rows[i].client, NULL };
        g_assert_cmpint (answer (sasl, texts, &turn), ==, SATCHEL_SASL_RIGHT);
        g_assert_true (g_str_has_prefix (turn.credential, rows[i].credential));
        g_assert_cmpint (strlen (turn.credential), <=, SATCHEL_CREDENTIAL_ID_MAX);
        g_assert_null (strpbrk (turn.credential, " \""));
        g_assert_cmpint (turn.is_whole, ==, is_whole != 0);
        turn_free (&turn);
      }
}

static void
expect_refuted (const SatchelSaslOps *ops, const char *first, gboolean is_known, const char *const *texts,
                const char *json)
{
  const SatchelLogin login = { .size = sizeof login, .mechanism = ops->name };
  g_autoptr (SatchelSasl) sasl = begin (ops, &login, first, is_known);
  SatchelSaslTurn turn;
  g_assert_cmpint (answer (sasl, texts, &turn), ==, SATCHEL_SASL_CHALLENGE);
  expect_challenge (&turn, json);
  turn_free (&turn);
  g_assert_cmpint (satchel_sasl_step (sasl, (const guint8 *) "\001", 1), ==, SATCHEL_SASL_WRONG);
}

static void
test_refuted (void)
{
  const char *const right[] = { OAUTH_SAY_RIGHT, "user@example.com", "", NULL };
  const char *const others[] = { OAUTH_SAY_RIGHT, "other@example.com", "", NULL };
  const char *const nobodys[] = { OAUTH_SAY_RIGHT, "a/b", "", NULL };
  const char *const wrong[] = { OAUTH_SAY_WRONG, "old", NULL }, *const scope[] = { OAUTH_SAY_SCOPE, "x",
                                                                                   NULL };
  configure (no_words, NULL, FALSE);
  expect_refuted (&oauth_bearer, BEARER, TRUE, wrong, "{\"status\":\"invalid_token\"}");
  expect_refuted (&oauth_bearer, BEARER, TRUE, others, "{\"status\":\"invalid_token\"}");
  expect_refuted (&oauth_bearer, BEARER, TRUE, nobodys, "{\"status\":\"invalid_token\"}");
  expect_refuted (&oauth_bearer, BEARER, FALSE, right, "{\"status\":\"invalid_token\"}");
  configure (scopes, "https://idp.example.com/x", FALSE);
  expect_refuted (&oauth_bearer, BEARER, TRUE, scope,
                  "{\"status\":\"insufficient_scope\",\"scope\":\"imap mail\","
                  "\"openid-configuration\":\"https://idp.example.com/x\"}");
  expect_refuted (&oauth_xoauth2, XOAUTH2, TRUE, wrong,
                  "{\"status\":\"401\",\"schemes\":\"Bearer\",\"scope\":\"imap mail\"}");
}

static void
test_unavailable (void)
{
  const SatchelLogin login = { .size = sizeof login, .mechanism = "OAUTHBEARER" };
  static const char *const odd[][4] = {
    { NULL },
    { "yes", NULL },
    { OAUTH_SAY_RIGHT, NULL },
    { OAUTH_SAY_RIGHT, "user@example.com", NULL },
    { OAUTH_SAY_WRONG, NULL },
    { "", "user@example.com", "", NULL },
  };
  for (guint i = 0; i < G_N_ELEMENTS (odd); i++)
    {
      g_autoptr (SatchelSasl) sasl = begin (&oauth_bearer, &login, BEARER, TRUE);
      SatchelSaslTurn turn;
      g_assert_cmpint (answer (sasl, odd[i], &turn), ==, SATCHEL_SASL_UNAVAILABLE);
      turn_free (&turn);
    }
  g_autoptr (SatchelSasl) sasl = begin (&oauth_bearer, &login, BEARER, TRUE);
  SatchelSaslTurn turn = { .size = sizeof turn };
  g_autoptr (GError) error = NULL;
  satchel_error_set (&error, SATCHEL_ERROR_TIMEOUT, "late");
  g_assert_cmpint (sasl->ops->answered (sasl->exchange, NULL, error, &turn), ==, SATCHEL_SASL_UNAVAILABLE);
  turn_free (&turn);
}

/* Without an initial response; without a token; and nothing but the first message opens anything. */
static void
test_steps (void)
{
  const SatchelLogin login = { .size = sizeof login, .mechanism = "OAUTHBEARER" };
  const SatchelCredential credential = { .size = sizeof credential };
  configure (no_words, NULL, FALSE);
  g_autoptr (SatchelSasl) sasl = satchel_sasl_new (&oauth_bearer, &login);
  g_assert_cmpint (satchel_sasl_step (sasl, NULL, 0), ==, SATCHEL_SASL_CHALLENGE);
  g_assert_null (sasl->turn.challenge);
  g_assert_false (sasl->turn.is_refuted);
  const char *asks = "n,a=anna,\001auth=\001\001";
  g_assert_cmpint (satchel_sasl_step (sasl, (const guint8 *) asks, strlen (asks)), ==, SATCHEL_SASL_LOOK_UP);
  g_assert_cmpint (satchel_sasl_found (sasl, "anna@example.com", &credential), ==, SATCHEL_SASL_CHALLENGE);
  expect_challenge (&sasl->turn, "{\"status\":\"invalid_token\"}");
  g_assert_cmpint (satchel_sasl_step (sasl, (const guint8 *) BEARER, strlen (BEARER)), ==,
                   SATCHEL_SASL_WRONG);
  g_assert_cmpint (satchel_sasl_step (sasl, (const guint8 *) BEARER, strlen (BEARER)), ==,
                   SATCHEL_SASL_MALFORMED);
}

static void
test_responses (void)
{
  OauthMessage message = { 0 };
  gsize len;
  g_autoptr (GBytes) bearer = oauth_bearer.make_response ("a,b=c", "abc");
  const guint8 *data = g_bytes_get_data (bearer, &len);
  g_assert_true (oauth_bearer_parse (data, len, &message));
  g_assert_cmpstr (message.user, ==, "a,b=c");
  oauth_message_clear (&message);
  g_autoptr (GBytes) xoauth2 = oauth_xoauth2.make_response ("a,b=c", "abc");
  data = g_bytes_get_data (xoauth2, &len);
  g_assert_true (oauth_xoauth2_parse (data, len, &message));
  g_assert_cmpstr (message.user, ==, "a,b=c");
  oauth_message_clear (&message);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  satchel_user_set_rules ("example.com", TRUE);
  g_test_add_func ("/oauth/examples", test_examples);
  g_test_add_func ("/oauth/grammar", test_grammar);
  g_test_add_func ("/oauth/hostile", test_hostile);
  g_test_add_func ("/oauth/right", test_right);
  g_test_add_func ("/oauth/refuted", test_refuted);
  g_test_add_func ("/oauth/unavailable", test_unavailable);
  g_test_add_func ("/oauth/steps", test_steps);
  g_test_add_func ("/oauth/responses", test_responses);
  int status = g_test_run ();
  oauth_exchange_clear ();
  return status;
}
