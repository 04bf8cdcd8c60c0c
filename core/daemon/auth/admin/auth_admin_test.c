/* SPDX-License-Identifier: MIT
 * Implements `satchel auth test`: lets a login go its way, and tells of each step. Nothing is counted, spent
 * or opened.
 */
#include "config.h"

#include "core/base/exit.h"
#include "core/daemon/auth/admin/auth_admin.h"
#include "core/runtime/log/log_private.h"

#include <satchel/module.h>
#include <string.h>

#define TEST_MS 9000 /* shorter than the 10 s for which master waits */

typedef struct
{
  SatchelAuth *auth;
  guint64 request;
  char *service;
  char place[SATCHEL_PLACE_BYTES];
  gint64 deadline_ms;
  SatchelLoginVerdict verdict;
  char *credential; /* the credential of a login that is right */
  GString *text;
  SatchelLogin *login;
  SatchelSasl *sasl; /* NULL: the test is of a password */
  SatchelAuthCheck *check;
} Test;

static void
test_free (Test *test)
{
  g_free (test->service);
  g_free (test->credential);
  g_string_free (test->text, TRUE);
  satchel_sasl_free (test->sasl);
  satchel_login_unref (test->login);
  g_free (test);
}

/* Returns the module that provides @ops; "": the core. */
static const char *
find_source (SatchelAuth *auth, gconstpointer ops)
{
  static const SatchelKind kinds[] = { SATCHEL_KIND_PASSDB, SATCHEL_KIND_USERDB, SATCHEL_KIND_FACTOR,
                                       SATCHEL_KIND_KEYRING, SATCHEL_KIND_SASL };
  for (guint kind = 0; ops != NULL && kind < G_N_ELEMENTS (kinds); kind++)
    {
      g_autoptr (GPtrArray) all = satchel_loader_find_all (auth->context->loader, kinds[kind]);
      for (guint i = 0; i < all->len; i++)
        if (((const SatchelProvided *) all->pdata[i])->ops == ops)
          return ((const SatchelProvided *) all->pdata[i])->module->name;
    }
  return "";
}

static void
add_step (Test *test, const char *step, const char *source, const char *text)
{
  g_string_append_printf (test->text, "step=%s", step);
  satchel_log_field (test->text, "source", source);
  satchel_log_field (test->text, "found", text);
  g_string_append_c (test->text, '\n');
}

static void
note_step (const char *step, gconstpointer source, const char *text, gpointer data)
{
  Test *test = data;
  add_step (test, step, find_source (test->auth, source), text);
}

static void
note_place (Test *test, const char *user)
{
  SatchelPlacement placement;
  guint slot;
  satchel_placements_get (test->auth->placements, user, &placement, &slot);
  if (placement.state != SATCHEL_PLACED_ACTIVE)
    {
      add_step (test, "place", "", "the user is released, or being moved: a login would be unavailable");
      return;
    }
  g_autofree char *text = g_strdup_printf ("mail process %u, profile %s", slot, placement.profile);
  add_step (test, "place", "", text);
}

/* Adds a step about auth.main_password, unless the user's own password opens everything, as by default. */
static void
note_main_password (Test *test, const char *user)
{
  if (!satchel_main_password_is_everywhere (test->auth, user))
    add_step (test, "policy", "",
              satchel_main_password_is_good (test->auth, user, test->login)
                  ? "auth.main_password: the user's own password is good here, but not everywhere"
                  : "auth.main_password: the user's own password is not good here");
}

/* Sends the last line of the answer, which says how the test ended. */
static void
answer_test (Test *test)
{
  gboolean is_right = test->verdict == SATCHEL_LOGIN_RIGHT;
  add_step (test, "result", "", is_right ? "the login would succeed" : "the login would fail");
  g_string_append_printf (test->text, "reason=%s", satchel_auth_reason (test->verdict));
  if (is_right)
    satchel_log_field (test->text, "credential", test->credential);
  g_string_append_c (test->text, '\n');
  guint status = is_right                                     ? SATCHEL_EXIT_OK
                 : test->verdict == SATCHEL_LOGIN_UNAVAILABLE ? SATCHEL_EXIT_TEMPORARY
                                                              : SATCHEL_EXIT_NOPERM;
  satchel_auth_admin_reply (test->auth, test->request, status, "%s", test->text->str);
  test_free (test);
}

static void
looked_up (SatchelDeliveryStatus status, GPtrArray *users, const char *why, gpointer data)
{
  Test *test = data;
  add_step (test, "userdb", "",
            status == SATCHEL_DELIVERY_TEMPORARY ? "cannot tell: mail to the user is deferred"
            : users != NULL && users->len > 0    ? "mail to the user is accepted"
                                                 : "mail to the user is refused");
  answer_test (test);
}

static void
test_done (const SatchelCheckResult *result, gpointer data)
{
  Test *test = data;
  test->verdict = result->verdict;
  test->credential = g_strdup (result->credential);
  if (result->user == NULL)
    {
      answer_test (test);
      return;
    }
  note_place (test, result->user);
  note_main_password (test, result->user);
  const char *told = result->verdict == SATCHEL_LOGIN_RIGHT
                         ? NULL
                         : satchel_auth_explain (test->auth, result->verdict, result->user, test->place);
  if (told != NULL)
    add_step (test, "client", "", told);
  satchel_auth_look_up (test->auth, result->user, NULL, test->deadline_ms, looked_up, test);
}

static void
end_unchecked (Test *test, SatchelLoginVerdict verdict)
{
  if (test->check != NULL)
    satchel_check_withdraw (g_steal_pointer (&test->check));
  test_done (&(SatchelCheckResult) { .verdict = verdict }, test);
}

/* Goes on when the mechanism itself has looked at all that it looks at. */
static void
follow_end (SatchelSaslResult result, gpointer data)
{
  Test *test = data;
  const SatchelSaslTurn *turn = &test->sasl->turn;
  gboolean is_refuted =
      result == SATCHEL_SASL_WRONG || (result == SATCHEL_SASL_CHALLENGE && turn->is_refuted);
  const char *found = result == SATCHEL_SASL_RIGHT ? "takes the proof for right"
                      : turn->why != NULL          ? turn->why
                                                   : "takes the proof for wrong";
  note_step ("mechanism", test->sasl->ops, found, test);
  if (result == SATCHEL_SASL_RIGHT)
    satchel_check_proved (g_steal_pointer (&test->check), turn, test->deadline_ms);
  else if (is_refuted)
    satchel_check_refuted (g_steal_pointer (&test->check));
  else
    end_unchecked (test,
                   result == SATCHEL_SASL_UNAVAILABLE ? SATCHEL_LOGIN_UNAVAILABLE : SATCHEL_LOGIN_MALFORMED);
}

static void
found_user (SatchelAuthCheck *check, const char *user, const SatchelCredential *credential, gpointer data)
{
  Test *test = data;
  test->check = check;
  SatchelSaslResult result = satchel_sasl_found (test->sasl, user, credential);
  if (result == SATCHEL_SASL_ASK)
    satchel_sasl_ask (test->sasl, MIN (test->auth->settings.source_ms, TEST_MS), follow_end, test);
  else
    follow_end (result, test);
}

/* Begins the test of a mechanism. FALSE means that the mechanism is not offered, or cannot be tried by a
 * secret in one message. */
static gboolean
test_mechanism (Test *test, const char *name, const char *user, const char *secret)
{
  const GPtrArray *mechanisms = test->auth->settings.mechanisms;
  const SatchelSaslOps *ops = NULL;
  for (guint i = 0; i < mechanisms->len; i++)
    if (g_ascii_strcasecmp (((const SatchelSaslOps *) mechanisms->pdata[i])->name, name) == 0)
      ops = mechanisms->pdata[i];
  if (ops == NULL || !SATCHEL_HAS (ops, make_response))
    return FALSE;
  g_autoptr (GBytes) response = ops->make_response (user, secret);
  test->sasl = satchel_sasl_new (ops, test->login);
  gsize len = 0;
  const guint8 *data = response != NULL ? g_bytes_get_data (response, &len) : (const guint8 *) "";
  if (satchel_sasl_step (test->sasl, data, len) == SATCHEL_SASL_LOOK_UP)
    satchel_check_test_look_up (test->auth, test->login, user, note_step, found_user, test_done, test);
  else
    {
      note_step ("mechanism", ops, "cannot read what a client would send", test);
      end_unchecked (test, SATCHEL_LOGIN_MALFORMED);
    }
  return TRUE;
}

static void
test_password (Test *test, const char *user, const char *secret)
{
  satchel_check_test (test->auth, test->login, user, satchel_shared_secret_new (secret, strlen (secret)),
                      note_step, test_done, test);
}

static SatchelLogin *
make_login (const Test *test, const char *peer, const char *mechanism)
{
  g_autofree char *upper = g_ascii_strup (*mechanism != '\0' ? mechanism : "PLAIN", -1);
  const SatchelLogin login = { .service = test->service,
                               .listener = "",
                               .peer = peer,
                               .network = test->place,
                               .mechanism = upper,
                               .client_id = "",
                               .deadline_ms = test->deadline_ms,
                               .tls_version = 0x0304 };
  return satchel_login_new (&login);
}

/* The arguments are USER SERVICE ADDRESS MECHANISM SECRET. Without a mechanism the secret is a password, or
 * what is typed in its place. */
void
satchel_auth_admin_test (SatchelAuth *auth, guint64 request, const char *const *arguments)
{
  guint n = g_strv_length ((char **) arguments);
  char place[SATCHEL_PLACE_BYTES];
  gsize most = n == 5 && *arguments[3] != '\0' ? SATCHEL_SASL_RESPONSE_MAX : SATCHEL_SASL_SECRET_MAX;
  if (n != 5 || strlen (arguments[4]) > most || *arguments[4] == '\0')
    {
      satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_USAGE, "the request is not complete\n");
      return;
    }
  if (!satchel_place_from_peer (arguments[2], place))
    {
      satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_USAGE, "%s is not an address\n", arguments[2]);
      return;
    }
  Test *test = g_new0 (Test, 1);
  test->auth = auth;
  test->request = request;
  test->service = g_strdup (arguments[1]);
  memcpy (test->place, place, sizeof place);
  test->text = g_string_new (NULL);
  test->deadline_ms = satchel_now_ms () + TEST_MS;
  test->login = make_login (test, arguments[2], arguments[3]);
  if (*arguments[3] == '\0')
    test_password (test, arguments[0], arguments[4]);
  else if (!test_mechanism (test, arguments[3], arguments[0], arguments[4]))
    {
      satchel_auth_admin_reply (auth, request, SATCHEL_EXIT_USAGE,
                                "%s is not offered, or cannot be tested with one secret\n", arguments[3]);
      test_free (test);
    }
}
