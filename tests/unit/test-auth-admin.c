/* SPDX-License-Identifier: MIT
 * What the auth role answers to the administrator: `auth test`, `auth throttle`, devices, owners, kicks.
 */
#include "core/base/exit.h"
#include "tests/lib/auth-stage.h"
#include "tests/lib/loop.h"

#include <satchel/admin.h>
#include <satchel/module.h>

static guint asked_status;

/* Asks, waits for the last part of the answer, and returns its text; the status stands in `asked_status`. */
static const char *
ask (const char *const *argv)
{
  g_string_truncate (stage.admin_reply, 0);
  stage.n_admin_final = 0;
  g_assert_true (stage.hooks->admin (&stage.context, 1, argv, -1));
  loop_until (stage.n_admin_final == 1);
  char *text;
  asked_status = (guint) g_ascii_strtoull (stage.admin_reply->str, &text, 10);
  return text + 1;
}
#define ask(...) ask ((const char *const[]) { __VA_ARGS__, NULL })

static void
expect (const char *text, guint status, const char *const *words)
{
  g_test_message ("%s", text);
  g_assert_cmpuint (asked_status, ==, status);
  for (; *words != NULL; words++)
    g_assert_nonnull (strstr (text, *words));
}
#define expect(text, status, ...) expect (text, status, (const char *const[]) { __VA_ARGS__, NULL })

#define TEST(user, address, secret) ask ("auth-test", user, "imap", address, "", secret)

/* The end of a login is told, and why; no failure is counted. */
static void
test_login (void)
{
  stage_begin (NULL);
  expect (TEST ("alice", STAGE_PEER, "pw"), SATCHEL_EXIT_OK, "found=\"the login would succeed\"",
          "found=\"mail to the user is accepted\"", "step=place", "credential=password\n");
  for (guint i = 0; i < 20; i++)
    expect (TEST ("alice", STAGE_PEER, "wrong"), SATCHEL_EXIT_NOPERM, "found=\"the login would fail\"",
            "found=\"mail to the user is accepted\"");
  g_assert_null (strstr (stage.admin_reply->str, "credential="));
  g_assert_cmpstr (ask ("throttle", "list", "all"), ==, "");
  expect (TEST ("nobody", STAGE_PEER, "pw"), SATCHEL_EXIT_NOPERM, "found=\"the login would fail\"",
          "found=\"mail to the user is refused\"");
  expect (TEST ("a\x01", STAGE_PEER, "pw"), SATCHEL_EXIT_NOPERM, "found=\"the login would fail\"");
  stage_set_user ("bob@x.org", "pw", TRUE);
  expect (TEST ("bob", STAGE_PEER, "pw"), SATCHEL_EXIT_NOPERM, "found=\"the login would fail\"");
  stage_database_is_down = TRUE;
  expect (TEST ("alice", STAGE_PEER, "pw"), SATCHEL_EXIT_TEMPORARY, "found=\"the login would fail\"");
  stage_end ();
}

/* Who is throttled hears so, with what the login would be without it; nothing of it is spent. */
static void
test_throttled_login (void)
{
  static const char *const settings[] = { "limits.login_failures=3", NULL };
  stage_begin (settings);
  for (guint64 i = 1; i <= 5; i++)
    {
      g_autofree char *guess = g_strdup_printf ("guess%u", (guint) i);
      g_assert_cmpint (stage_log_in (i, "alice", guess), ==, SATCHEL_AUTH_FAILED);
    }
  expect (TEST ("alice", STAGE_PEER, "pw"), SATCHEL_EXIT_NOPERM, "step=throttle",
          "without it the login would end as", "reason=throttled\n");
  g_assert_null (strstr (stage.admin_reply->str, "credential="));
  stage_end ();
}

static void
test_released_login (void)
{
  stage_begin (NULL);
  stage.hooks->admin (&stage.context, 1, (const char *const[]) { "release", "alice", NULL }, -1);
  expect (TEST ("alice", STAGE_PEER, "pw"), SATCHEL_EXIT_OK, "the user is released, or being moved");
  stage_end ();
}

static void
test_bad_requests (void)
{
  g_autofree char *longest = g_strnfill (SATCHEL_SASL_SECRET_MAX, 'x'),
                  *longer = g_strnfill (SATCHEL_SASL_SECRET_MAX + 1, 'x');
  stage_begin (NULL);
  expect (ask ("auth-test", "alice", "imap", STAGE_PEER, "pw"), SATCHEL_EXIT_USAGE, "not complete");
  expect (ask ("auth-test", "alice", "imap", STAGE_PEER, "", "pw", "more"), SATCHEL_EXIT_USAGE,
          "not complete");
  expect (ask ("auth-test", "alice", "imap", STAGE_PEER, "NONE", "pw"), SATCHEL_EXIT_USAGE,
          "NONE is not offered");
  expect (TEST ("alice", STAGE_PEER, ""), SATCHEL_EXIT_USAGE, "not complete");
  expect (TEST ("alice", STAGE_PEER, longer), SATCHEL_EXIT_USAGE, "not complete");
  expect (TEST ("alice", STAGE_PEER, longest), SATCHEL_EXIT_NOPERM, "the login would fail");
  expect (TEST ("alice", "here", "pw"), SATCHEL_EXIT_USAGE, "here is not an address");
  expect (ask ("throttle"), SATCHEL_EXIT_USAGE, "not complete");
  expect (ask ("throttle", "list"), SATCHEL_EXIT_USAGE, "not complete");
  expect (ask ("throttle", "list", "all", "alice", "bob"), SATCHEL_EXIT_USAGE, "not complete");
  expect (ask ("throttle", "clear", "failures"), SATCHEL_EXIT_USAGE, "not complete");
  expect (ask ("throttle", "list", "all", "a/b"), SATCHEL_EXIT_USAGE, "");
  expect (ask ("devices", "a/b"), SATCHEL_EXIT_USAGE, "");
  expect (ask ("owner", "a/b"), SATCHEL_EXIT_USAGE, "");
  expect (ask ("kick", "a/b"), SATCHEL_EXIT_USAGE, "");
  stage_end ();
}

/* ---- failed logins ---- */

static void
fail_from (const char *peer, const char *user, guint n)
{
  static guint64 session = 1000;
  for (; n > 0; n--)
    {
      g_autofree char *guess = g_strdup_printf ("guess%u", (guint) ++session);
      g_assert_true (stage_password (0, session, peer, user, guess));
      g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_FAILED);
    }
}

/* All of them, only those that are refused now, or those of one user; a user's known networks with them. */
static void
test_throttle_list (void)
{
  static const char *const settings[] = { "limits.login_failures=5", NULL };
  stage_begin (settings);
  g_assert_cmpint (stage_log_in (1, "alice", "pw"), ==, SATCHEL_AUTH_OK);
  fail_from ("203.0.113.5", "alice", 2);
  fail_from ("198.51.100.7", "bob", 7);
  expect (ask ("throttle", "list", "all"), SATCHEL_EXIT_OK,
          "kind=account user=\"alice@x.org\" failures=2 limit=4",
          "kind=account user=\"bob@x.org\" failures=4 limit=4",
          "kind=address network=203.0.113.5 failures=2 ");
  const char *refused = ask ("throttle", "list", "refused");
  expect (refused, SATCHEL_EXIT_OK, "kind=account user=\"bob@x.org\"", "refused=yes");
  g_assert_null (strstr (refused, "alice"));
  g_assert_null (strstr (refused, "refused=no"));
  const char *alices = ask ("throttle", "list", "refused", "alice");
  expect (alices, SATCHEL_EXIT_OK, "kind=account user=\"alice@x.org\"", "refused=no",
          "kind=known user=\"alice@x.org\" network=192.0.2.1 seen=", " proved=yes\n");
  g_assert_null (strstr (alices, "bob"));
  g_assert_null (strstr (alices, "kind=address"));
  g_assert_cmpstr (ask ("throttle", "list", "all", "carl"), ==, "");
  stage_end ();
}

/* Forgotten is what was asked for, and no more. */
static void
test_throttle_clear (void)
{
  static const char *const settings[] = { "limits.login_failures=5", NULL };
  stage_begin (settings);
  g_assert_cmpint (stage_log_in (1, "alice", "pw"), ==, SATCHEL_AUTH_OK);
  fail_from ("203.0.113.5", "alice", 3);
  fail_from ("203.0.113.5", "bob", 2);
  expect (ask ("throttle", "clear", "failures", "alice"), SATCHEL_EXIT_OK, "failures=3 networks=0\n");
  const char *left = ask ("throttle", "list", "all");
  expect (left, SATCHEL_EXIT_OK, "user=\"bob@x.org\" failures=2", "network=203.0.113.5 failures=5");
  g_assert_null (strstr (left, "alice"));
  expect (ask ("throttle", "list", "all", "alice"), SATCHEL_EXIT_OK, "kind=known");
  expect (ask ("throttle", "clear", "failures", "203.0.113.5"), SATCHEL_EXIT_OK, "failures=5 networks=0\n");
  g_assert_null (strstr (ask ("throttle", "list", "all"), "kind=address"));
  expect (ask ("throttle", "clear", "networks", "alice"), SATCHEL_EXIT_OK, "failures=0 networks=1\n");
  g_assert_cmpstr (ask ("throttle", "list", "all", "alice"), ==, "");
  g_assert_cmpstr (ask ("throttle", "clear", "all"), ==, "");
  g_assert_cmpuint (asked_status, ==, SATCHEL_EXIT_OK);
  g_assert_cmpstr (ask ("throttle", "list", "all"), ==, "");
  stage_end ();
}

/* ---- users ---- */

/* Whose mail is where, and whether there is such a user at all; the userdbs' word goes with the place. */
static void
test_owner (void)
{
  static const char *const attributes[] = { "quota.storage=1G", NULL };
  stage_begin (NULL);
  stage_attributes = attributes;
  const char *answer = ask ("owner", "Alice");
  g_assert_cmpuint (asked_status, ==, SATCHEL_EXIT_OK);
  g_auto (GStrv) words = g_strsplit (answer, " ", 3);
  g_assert_cmpstr (words[1], ==, "known");
  g_autoptr (SatchelPlace) place = satchel_place_from_text (words[2]);
  g_assert_cmpstr (place->path, ==, "x.org/alice");
  g_assert_nonnull (strstr (place->attributes, "quota.storage=1G"));
  expect (ask ("owner", "nobody"), SATCHEL_EXIT_OK, " unknown ");
  stage_attributes_are_down = TRUE;
  ask ("owner", "alice");
  g_assert_cmpuint (asked_status, ==, SATCHEL_EXIT_TEMPORARY);
  stage_attributes_are_down = FALSE;
  stage.hooks->admin (&stage.context, 1, (const char *const[]) { "release", "bob", NULL }, -1);
  expect (ask ("owner", "bob"), SATCHEL_EXIT_TEMPORARY, "bob@x.org is released; `satchel adopt bob@x.org`");
  expect (ask ("status"), SATCHEL_EXIT_OK, "auth: users=0 sessions=0 hashes=0\n");
  stage_end ();
}

static void
test_kick (void)
{
  stage_begin (NULL);
  g_assert_cmpstr (ask ("kick", "alice"), ==, "");
  g_assert_cmpuint (asked_status, ==, SATCHEL_EXIT_OK);
  ask ("kick", "nobody");
  g_assert_cmpuint (asked_status, ==, SATCHEL_EXIT_NO_USER);
  stage_end ();
}

/* No module here keeps credentials. */
static void
test_devices (void)
{
  stage_begin (NULL);
  g_assert_cmpstr (ask ("devices", "alice"), ==, "");
  g_assert_cmpuint (asked_status, ==, SATCHEL_EXIT_OK);
  ask ("devices", "nobody");
  g_assert_cmpuint (asked_status, ==, SATCHEL_EXIT_NO_USER);
  g_assert_cmpstr (ask ("devices-end", "alice", "--all"), ==, "credentials ended=0\n");
  g_assert_cmpstr (ask ("devices-end", "nobody", "app-1"), ==, "credentials ended=0\n");
  g_assert_cmpuint (asked_status, ==, SATCHEL_EXIT_OK);
  stage_end ();
}

/* What a module keeps for a user is listed, ended one by one or all, and told of clients. */
static void
test_kept_devices (void)
{
  stage_begin (NULL);
  g_ptr_array_add (stage_credentials, (gpointer) "app:1 Phone");
  g_ptr_array_add (stage_credentials, (gpointer) "app:2 Old phone");
  g_ptr_array_add (stage_credentials, (gpointer) "app:3 ");
  expect (ask ("devices", "alice"), SATCHEL_EXIT_OK,
          "credential id=app:1 label=Phone service=imap address=" STAGE_PEER " since_s=10",
          "credential id=app:2 label=\"Old phone\"", "credential id=app:3 service");
  g_assert_null (strstr (stage.admin_reply->str, "network"));
  g_assert_null (strstr (stage.admin_reply->str, "used_s"));
  g_assert_null (strstr (stage.admin_reply->str, "expires_s"));
  g_assert_cmpstr (ask ("devices-end", "alice", "app:2"), ==, "credentials ended=1\n");
  g_assert_cmpstr (ask ("devices-end", "alice", "app:2"), ==, "credentials ended=0\n");
  g_assert_cmpuint (asked_status, ==, SATCHEL_EXIT_OK);
  g_assert_cmpstr (ask ("devices-end", "alice", "--all"), ==, "credentials ended=2\n");
  g_assert_cmpuint (stage_credentials->len, ==, 0);
  stage_end ();
}

/* A module that cannot tell: what is known is there, with the reason, and the status says that it is not all.
 */
static void
test_devices_are_down (void)
{
  stage_begin (NULL);
  g_ptr_array_add (stage_credentials, (gpointer) "app:1 Phone");
  stage_credentials_are_down = TRUE;
  expect (ask ("devices", "alice"), SATCHEL_EXIT_UNAVAILABLE, "id=app:1", "error=\"the file is damaged\"");
  expect (ask ("devices-end", "alice", "app:1"), SATCHEL_EXIT_UNAVAILABLE, "credentials ended=0\n",
          "error=\"the file is damaged\"");
  expect (ask ("forget", "nobody"), SATCHEL_EXIT_TEMPORARY, "the file is damaged\n");
  stage_end ();
}

/* A list that is longer than a message comes in parts. */
static void
test_many_devices (void)
{
  stage_begin (NULL);
  for (guint i = 0; i < 500; i++)
    g_ptr_array_add (stage_credentials, (gpointer) "app:1 Phone");
  stage.n_admin_final = 0;
  g_assert_true (
      stage.hooks->admin (&stage.context, 1, (const char *const[]) { "devices", "alice", NULL }, -1));
  loop_until (stage.n_admin_final == 1);
  guint n = 0, n_parts = 0;
  for (const char *at = stage.admin_reply->str; (at = strstr (at, "credential id=")) != NULL; at++)
    n++;
  for (const char *at = stage.admin_reply->str; (at = strstr (at, "0 credential")) != NULL; at++)
    n_parts++;
  g_assert_cmpuint (n, ==, 500);
  g_assert_cmpuint (n_parts, >, 3);
  stage_end ();
}

/* Who is a user is not forgotten; of others the module hears, and of what clients call themselves. */
static void
test_forget_and_names (void)
{
  stage_begin (NULL);
  ask ("forget", "alice");
  g_assert_cmpuint (asked_status, ==, SATCHEL_EXIT_EXISTS);
  g_assert_cmpstr (stage_told_factor->str, ==, "");
  g_assert_cmpstr (ask ("forget", "nobody"), ==, "");
  g_assert_cmpuint (asked_status, ==, SATCHEL_EXIT_OK);
  g_assert_cmpstr (stage_told_factor->str, ==, "forgot nobody@x.org\n");
  g_string_truncate (stage_told_factor, 0);
  for (guint len = 255; len <= 256; len++)
    {
      g_autofree char *client = g_strnfill (len, 'c');
      SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_CLIENT_NAMED, 0);
      satchel_ipc_put_string (message, "alice@x.org");
      satchel_ipc_put_string (message, "app:1");
      satchel_ipc_put_string (message, client);
      g_assert_cmpint (stage_deliver (&stage.mails[0], message), ==, len <= 255);
    }
  g_assert_true (g_str_has_prefix (stage_told_factor->str, "alice@x.org app:1 is ccc"));
  g_assert_cmpuint (stage_told_factor->len, ==, strlen ("alice@x.org app:1 is \n") + 255);
  stage_end ();
}

/* ---- a command of a module ---- */

#define N_LINES 800u
#define LINE_BYTES 1000u

static gboolean
say_much (SatchelAdminCall *call, GError **error)
{
  g_autofree char *text = g_strnfill (LINE_BYTES - 2, 'y');
  for (guint i = 0; i < N_LINES; i++)
    if (!satchel_admin_print (call, "%s", text))
      return FALSE;
  return TRUE;
}

static const SatchelAdminCommand much = {
  .size = sizeof much, .name = "much", .summary = "Talk", .in_auth = TRUE, .run = say_much
};
static const SatchelAdminCommand *const commands[] = { &much, NULL };
static const SatchelAdminOps admin_ops = { sizeof admin_ops, commands };
static const SatchelProvides provides[] = { { SATCHEL_KIND_ADMIN, NULL, &admin_ops }, { 0 } };
static const SatchelModule talker = { SATCHEL_MODULE_FACTS, .name = "talker", .version = "1",
                                      .description = "d",   .licence = "MIT", .roles = SATCHEL_ROLE_AUTH,
                                      .provides = provides };

static void
start_talking (void)
{
  g_autoptr (GError) error = NULL;
  stage_begin (NULL);
  stage.n_admin_final = 0;
  satchel_loader_add (stage.context.loader, &talker, FALSE, &error);
  g_assert_no_error (error);
  g_assert_true (stage.hooks->admin (
      &stage.context, 1, (const char *const[]) { "run-auth", "talker", "much", "", "text", "", NULL }, -1));
  loop_until (stage.admin_reply->len > 100 * LINE_BYTES);
}

/* A long answer waits for the administrator to read it, and comes whole. */
static void
test_long_answer (void)
{
  start_talking ();
  loop_settle ();
  g_assert_cmpuint (stage.n_admin_final, ==, 0);
  while (stage.n_admin_final == 0)
    {
      gsize before = stage.admin_reply->len;
      stage.hooks->admin_goes_on (&stage.context, 1, FALSE, 100 * LINE_BYTES);
      loop_until (stage.n_admin_final == 1 || stage.admin_reply->len > before);
    }
  g_assert_cmpuint (stage.admin_reply->len, >=, N_LINES * LINE_BYTES);
  stage_end ();
}

/* The administrator is gone: the command ends before all is said. */
static void
test_cancelled_answer (void)
{
  start_talking ();
  stage.hooks->admin_goes_on (&stage.context, 1, TRUE, 0);
  loop_until (stage.n_admin_final == 1);
  g_assert_cmpuint (stage.admin_reply->len, <, N_LINES * LINE_BYTES);
  stage_end ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL);
  g_test_add_func ("/auth/admin/test/login", test_login);
  g_test_add_func ("/auth/admin/test/throttled", test_throttled_login);
  g_test_add_func ("/auth/admin/test/released", test_released_login);
  g_test_add_func ("/auth/admin/bad-requests", test_bad_requests);
  g_test_add_func ("/auth/admin/throttle/list", test_throttle_list);
  g_test_add_func ("/auth/admin/throttle/clear", test_throttle_clear);
  g_test_add_func ("/auth/admin/owner", test_owner);
  g_test_add_func ("/auth/admin/kick", test_kick);
  g_test_add_func ("/auth/admin/devices/none", test_devices);
  g_test_add_func ("/auth/admin/devices/kept", test_kept_devices);
  g_test_add_func ("/auth/admin/devices/down", test_devices_are_down);
  g_test_add_func ("/auth/admin/devices/many", test_many_devices);
  g_test_add_func ("/auth/admin/devices/forget", test_forget_and_names);
  g_test_add_func ("/auth/admin/long-answer", test_long_answer);
  g_test_add_func ("/auth/admin/cancelled-answer", test_cancelled_answer);
  return g_test_run ();
}
