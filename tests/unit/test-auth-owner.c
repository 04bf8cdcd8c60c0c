/* SPDX-License-Identifier: MIT
 * What the auth role says of owners, services and addresses.
 */
#include "tests/lib/auth-stage.h"

static SatchelAuthStatus
ask_service (guint64 session, const char *service, const char *peer)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_SERVICE_GRANT, session);
  satchel_ipc_put_string (message, service);
  satchel_ipc_put_string (message, peer);
  g_assert_true (stage_deliver (&stage.gates[0], message));
  return stage_wait_status (0);
}

static void
test_service_grant (void)
{
  static const char *const settings[] = {
    "listen.listeners=( { name = \"a\"; protocol = \"lmtp\"; address = \"*\"; networks = ( \"192.0.2.0/24\", \"2001:db8::/32\" ); } )", NULL
  };
  stage_begin (NULL);
  g_assert_cmpint (ask_service (1, "lmtp", "local"), ==, SATCHEL_AUTH_OK);
  g_assert_cmpint (ask_service (2, "lmtp", "127.0.0.1"), ==, SATCHEL_AUTH_OK);
  g_assert_cmpint (ask_service (3, "lmtp", "::1"), ==, SATCHEL_AUTH_OK);
  g_assert_cmpint (ask_service (4, "lmtp", "192.0.2.1"), ==, SATCHEL_AUTH_NOT_ALLOWED);
  /* On the mail processes in turn, those that are there. */
  g_autoptr (SatchelIpcMessage) one = stage_take_from_mail (0);
  g_autoptr (SatchelIpcMessage) two = stage_take_from_mail (1);
  g_assert_nonnull (one);
  g_assert_nonnull (two);
  stage_mail_away (0);
  g_assert_cmpint (ask_service (5, "lmtp", "local"), ==, SATCHEL_AUTH_OK);
  g_assert_cmpint (ask_service (6, "lmtp", "local"), ==, SATCHEL_AUTH_OK);
  stage_mail_away (1);
  g_assert_cmpint (ask_service (7, "lmtp", "local"), ==, SATCHEL_AUTH_UNAVAILABLE);
  stage_restart (settings);
  g_assert_cmpint (ask_service (1, "lmtp", "local"), ==, SATCHEL_AUTH_OK);
  g_assert_cmpint (ask_service (2, "lmtp", "127.0.0.1"), ==, SATCHEL_AUTH_NOT_ALLOWED); /* said otherwise */
  g_assert_cmpint (ask_service (3, "lmtp", "192.0.2.9"), ==, SATCHEL_AUTH_OK);
  g_assert_cmpint (ask_service (4, "lmtp", "2001:db8:1::9"), ==, SATCHEL_AUTH_OK);
  g_assert_cmpint (ask_service (5, "lmtp", "198.51.100.1"), ==, SATCHEL_AUTH_NOT_ALLOWED);
  g_assert_cmpuint (stage_count_lines ("why=network"), ==, 3);
  stage_end ();
}

/* ---- owners ---- */

static void
ask_admin (const char *command, const char *first, const char *second)
{
  const char *const argv[] = { command, first, second, NULL };
  g_string_truncate (stage.admin_reply, 0);
  stage.n_admin_final = 0;
  g_assert_true (stage.hooks->admin (&stage.context, 1, argv));
}

static gboolean
send_released (guint slot, const char *user)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_RELEASED, 0);
  satchel_ipc_put_string (message, user);
  return stage_deliver (&stage.mails[slot], message);
}

static void
test_release_and_adopt (void)
{
  stage_begin (NULL);
  guint slot = satchel_owners_default_slot ("alice@x.org", STAGE_MAILS);
  g_autofree char *other = g_strdup_printf ("%u", 1 - slot);
  ask_admin ("adopt", "alice", other); /* not before a release */
  g_assert_true (g_str_has_prefix (stage.admin_reply->str, "1 "));
  ask_admin ("release", "alice", NULL);
  g_assert_cmpuint (stage.n_admin_final, ==, 0); /* until the mail process has closed the store */
  g_autoptr (SatchelIpcMessage) release = stage_take_from_mail (slot);
  g_assert_cmpint (release->type, ==, SATCHEL_IPC_RELEASE);
  g_assert_cmpstr (satchel_ipc_get_string (release), ==, "alice@x.org");
  g_assert_cmpint (stage_log_in (1, "alice", "pw"), ==, SATCHEL_AUTH_UNAVAILABLE);
  ask_admin ("adopt", "alice", other);
  g_assert_true (g_str_has_prefix (stage.admin_reply->str, "75 "));
  g_string_truncate (stage.admin_reply, 0);
  stage.n_admin_final = 0;
  g_assert_true (send_released (slot, "alice@x.org"));
  g_assert_cmpuint (stage.n_admin_final, ==, 1);
  g_assert_true (g_str_has_prefix (stage.admin_reply->str, "0 "));
  /* A restart of auth does not hand a user to two processes. */
  stage_restart (NULL);
  g_assert_cmpint (stage_log_in (2, "alice", "pw"), ==, SATCHEL_AUTH_UNAVAILABLE);
  ask_admin ("adopt", "alice", other);
  g_assert_true (g_str_has_prefix (stage.admin_reply->str, "0 "));
  g_autoptr (SatchelIpcMessage) adopt = stage_take_from_mail (1 - slot);
  g_assert_cmpint (adopt->type, ==, SATCHEL_IPC_ADOPT);
  g_assert_cmpstr (satchel_ipc_get_string (adopt), ==, "alice@x.org");
  g_assert_cmpstr (satchel_ipc_get_string (adopt), ==, "x.org/alice");
  stage_restart (NULL);
  StageReply reply;
  g_assert_true (stage_password (0, 3, STAGE_PEER, "alice", "pw"));
  stage_wait_reply (0, &reply);
  g_assert_cmpint (reply.status, ==, SATCHEL_AUTH_OK);
  g_assert_cmpuint (reply.mail_slot, ==, 1 - slot);
  stage_end ();
}

static void
test_release_of_dead_owner (void)
{
  stage_begin (NULL);
  guint slot = satchel_owners_default_slot ("alice@x.org", STAGE_MAILS);
  ask_admin ("release", "alice@x.org", NULL);
  stage_mail_away (slot);
  g_assert_cmpuint (stage.n_admin_final, ==, 1);
  ask_admin ("release", "alice", NULL);
  g_assert_cmpuint (stage.n_admin_final, ==, 1);
  ask_admin ("release", "a/b", NULL);
  g_assert_true (g_str_has_prefix (stage.admin_reply->str, "64 "));
  ask_admin ("release", NULL, NULL);
  g_assert_true (g_str_has_prefix (stage.admin_reply->str, "64 "));
  ask_admin ("adopt", "alice", "7");
  g_assert_true (g_str_has_prefix (stage.admin_reply->str, "1 "));
  ask_admin ("adopt", "alice", "x");
  g_assert_true (g_str_has_prefix (stage.admin_reply->str, "64 "));
  static const char *const unknown[] = { "dance", NULL };
  g_assert_false (stage.hooks->admin (&stage.context, 1, unknown));
  stage_end ();
}

/* ---- look-ups ---- */

static char *
look_up (const char *plain, const char *full)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_LOOKUP, 0);
  satchel_ipc_put_u64 (message, 42);
  satchel_ipc_put_string (message, plain);
  if (full != NULL)
    satchel_ipc_put_string (message, full);
  g_assert_true (stage_deliver (&stage.mails[0], message));
  g_autoptr (SatchelIpcMessage) reply = stage_take_from_mail (0);
  g_assert_cmpint (reply->type, ==, SATCHEL_IPC_LOOKUP_REPLY);
  g_assert_cmpuint (satchel_ipc_get_u64 (reply), ==, 42);
  GString *text = g_string_new (NULL);
  guint status = satchel_ipc_get_u32 (reply);
  g_string_append (text, status == SATCHEL_DELIVERY_OK ? "ok" : status == SATCHEL_DELIVERY_UNKNOWN ? "unknown" : status == SATCHEL_DELIVERY_TEMPORARY ? "temporary" : "?");
  satchel_ipc_get_string (reply);
  for (guint n = satchel_ipc_get_u32 (reply); n > 0; n--)
    {
      const char *user = satchel_ipc_get_string (reply);
      guint slot = satchel_ipc_get_u32 (reply);
      g_autofree char *path = satchel_auth_user_path (user);
      g_assert_cmpuint (slot, ==, satchel_owners_default_slot (user, STAGE_MAILS));
      g_assert_cmpstr (satchel_ipc_get_string (reply), ==, path);
      g_string_append_printf (text, " %s", user);
    }
  g_assert_true (satchel_ipc_message_is_done (reply));
  return g_string_free (text, FALSE);
}
#define EXPECT_LOOKUP(plain, full, expected)                                                                                 \
  G_STMT_START                                                                                                               \
  {                                                                                                                          \
    g_autofree char *found = look_up (plain, full);                                                                          \
    g_assert_cmpstr (found, ==, expected);                                                                                   \
  }                                                                                                                          \
  G_STMT_END

static void
alias (const char *address, const char *targets)
{
  g_hash_table_replace (stage_aliases, g_strdup (address), g_strdup (targets));
}

static void
test_lookup (void)
{
  stage_begin (NULL);
  EXPECT_LOOKUP ("alice@x.org", NULL, "ok alice@x.org");
  EXPECT_LOOKUP ("Alice@X.ORG", NULL, "ok alice@x.org");
  EXPECT_LOOKUP ("alice", NULL, "ok alice@x.org"); /* a bare name */
  EXPECT_LOOKUP ("nobody@x.org", NULL, "unknown");
  EXPECT_LOOKUP ("alice@elsewhere.org", NULL, "unknown");
  EXPECT_LOOKUP ("", NULL, "unknown");
  EXPECT_LOOKUP ("../alice@x.org", NULL, "unknown");
  alias ("team@x.org", "alice@x.org bob@x.org alice@x.org all@x.org");
  alias ("all@x.org", "team@x.org bob@x.org"); /* a loop */
  EXPECT_LOOKUP ("team@x.org", NULL, "ok alice@x.org bob@x.org");
  alias ("bob@x.org", "bob@x.org alice@x.org"); /* itself and a copy */
  EXPECT_LOOKUP ("bob@x.org", NULL, "ok bob@x.org alice@x.org");
  alias ("dead@x.org", "gone@x.org");
  EXPECT_LOOKUP ("dead@x.org", NULL, "temporary"); /* the admin's mistake, not the sender's */
  g_assert_cmpuint (stage_count_lines ("leads to \"gone@x.org\", which is no user here"), ==, 1);
  alias ("half@x.org", "gone@x.org alice@x.org ../x");
  EXPECT_LOOKUP ("half@x.org", NULL, "ok alice@x.org");
  alias ("self@x.org", "self@x.org"); /* no such user */
  EXPECT_LOOKUP ("self@x.org", NULL, "unknown");
  alias ("stranger@elsewhere.org", "alice@x.org"); /* of a domain that is not ours */
  EXPECT_LOOKUP ("stranger@elsewhere.org", NULL, "unknown");
  alias ("far@x.org", "friend@elsewhere.org");
  EXPECT_LOOKUP ("far@x.org", NULL, "temporary");
  g_assert_cmpuint (stage_count_lines ("leads to \"friend@elsewhere.org\", which is no user here"), ==, 1);
  alias ("friend@x.org", "friend@elsewhere.org"); /* the same name elsewhere is elsewhere */
  EXPECT_LOOKUP ("friend@x.org", NULL, "temporary");
  alias ("nonsense@x.org", "../x");
  EXPECT_LOOKUP ("nonsense@x.org", NULL, "temporary");
  alias ("one@x.org", "two@x.org");
  alias ("two@x.org", "three@x.org");
  alias ("three@x.org", "one@x.org");
  EXPECT_LOOKUP ("one@x.org", NULL, "temporary");
  EXPECT_LOOKUP ("one@x.org", "one+tag@x.org", "temporary");
  g_assert_cmpuint (stage_count_lines ("leads in a circle of aliases, by"), ==, 2);
  /* Of a whole domain of ours: nobody there is an unknown user, and nobody's mistake. */
  alias ("nobody@old.org", "nobody@x.org");
  guint n_lines = stage_count_lines ("leads to");
  EXPECT_LOOKUP ("nobody@old.org", NULL, "unknown");
  g_assert_cmpuint (stage_count_lines ("leads to"), ==, n_lines);
  /* A detail may be what no name may be. */
  static const char *const details[] = { "a/b", "/", "..", "../../x", "a@b", "a\x01", ".", " ", "" };
  for (guint i = 0; i < G_N_ELEMENTS (details); i++)
    {
      g_autofree char *full = g_strdup_printf ("alice+%s@x.org", details[i]);
      EXPECT_LOOKUP ("alice@x.org", full, "ok alice@x.org");
      g_autofree char *unknown = g_strdup_printf ("no-one+%s@x.org", details[i]);
      EXPECT_LOOKUP ("no-one@x.org", unknown, "unknown");
    }
  g_autofree char *many = g_strnfill (300, 'd');
  g_autofree char *full = g_strdup_printf ("alice+%s@x.org", many);
  EXPECT_LOOKUP ("alice@x.org", full, "ok alice@x.org");
  /* With its detail first, in each database. */
  alias ("alice+sales@x.org", "bob@x.org");
  alias ("bob@x.org", "bob@x.org");
  EXPECT_LOOKUP ("alice@x.org", "alice+sales@x.org", "ok bob@x.org");
  EXPECT_LOOKUP ("alice@x.org", "alice+other@x.org", "ok alice@x.org");
  EXPECT_LOOKUP ("nobody@x.org", "nobody+other@x.org", "unknown");
  /* An alias of a whole domain keeps the detail's place. */
  alias ("alice+d@old.org", "alice+d@x.org");
  EXPECT_LOOKUP ("alice@old.org", "alice+d@old.org", "ok alice@x.org");
  stage_database_is_down = TRUE;
  EXPECT_LOOKUP ("alice@x.org", NULL, "temporary");
  EXPECT_LOOKUP ("nobody@x.org", NULL, "temporary");
  stage_end ();
}

static void
test_lookup_bounds (void)
{
  stage_begin (NULL);
  for (guint i = 0; i < 20; i++)
    {
      g_autofree char *from = g_strdup_printf ("deep%u@x.org", i), *to = g_strdup_printf ("deep%u@x.org", i + 1);
      alias (from, i == 19 ? "alice@x.org" : to);
    }
  EXPECT_LOOKUP ("deep10@x.org", NULL, "ok alice@x.org"); /* ten aliases */
  EXPECT_LOOKUP ("deep9@x.org", NULL, "temporary");
  g_autoptr (GString) many = g_string_new ("alice@x.org");
  for (guint i = 0; i < 99; i++)
    {
      g_autofree char *user = g_strdup_printf ("m%02u@x.org", i);
      stage_set_user (user, "pw", FALSE);
      g_string_append_printf (many, " %s", user);
    }
  alias ("hundred@x.org", many->str);
  g_autofree char *hundred = look_up ("hundred@x.org", NULL);
  g_assert_true (g_str_has_prefix (hundred, "ok alice@x.org m00@x.org"));
  g_string_append (many, " bob@x.org");
  alias ("more@x.org", many->str);
  EXPECT_LOOKUP ("more@x.org", NULL, "temporary");
  /* A released user has no owner: try later. */
  ask_admin ("release", "alice", NULL);
  satchel_ipc_message_free (stage_take_from_mail (satchel_owners_default_slot ("alice@x.org", STAGE_MAILS)));
  EXPECT_LOOKUP ("alice@x.org", NULL, "temporary");
  stage_end ();
}

static void
test_extra_domain (void)
{
  static const char *const settings[] = { "auth.domains=( \"Elsewhere.org\" )", NULL };
  stage_begin (settings);
  alias ("stranger@elsewhere.org", "alice@x.org");
  EXPECT_LOOKUP ("stranger@elsewhere.org", NULL, "ok alice@x.org");
  stage_end ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/auth/owner/service-grant", test_service_grant);
  g_test_add_func ("/auth/owner/release-and-adopt", test_release_and_adopt);
  g_test_add_func ("/auth/owner/release-of-dead-owner", test_release_of_dead_owner);
  g_test_add_func ("/auth/owner/lookup", test_lookup);
  g_test_add_func ("/auth/owner/lookup-bounds", test_lookup_bounds);
  g_test_add_func ("/auth/owner/extra-domain", test_extra_domain);
  return g_test_run ();
}
