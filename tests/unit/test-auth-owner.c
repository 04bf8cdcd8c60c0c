/* SPDX-License-Identifier: MIT
 * What the auth role says of owners, services and addresses.
 */
#include "tests/lib/auth-stage.h"

#include <glib/gstdio.h>

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
  static const char *const settings[] = { "listen.listeners=( { name = \"a\"; protocol = \"lmtp\"; address = "
                                          "\"*\"; networks = ( \"192.0.2.0/24\", \"2001:db8::/32\" ); } )",
                                          NULL };
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
  g_assert_true (stage.hooks->admin (&stage.context, 1, argv, -1));
}

static gboolean
send_released (guint slot, const char *user, guint64 epoch, SatchelLook look, const char *what)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_RELEASED, 0);
  satchel_ipc_put_string (message, user);
  satchel_ipc_put_u64 (message, epoch);
  satchel_ipc_put_u32 (message, look);
  satchel_ipc_put_string (message, what);
  return stage_deliver (&stage.mails[slot], message);
}

/* RELEASE or ADOPT to @slot of alice; its epoch. */
static guint64
expect_order (guint slot, SatchelIpcType type, const char *profile, const char *look)
{
  g_autoptr (SatchelIpcMessage) message = stage_take_from_mail (slot);
  g_assert_nonnull (message);
  g_assert_cmpint (message->type, ==, type);
  g_assert_cmpstr (satchel_ipc_get_string (message), ==, "alice@x.org");
  g_autoptr (SatchelPlace) place = satchel_place_get (message);
  g_assert_cmpstr (place->path, ==, "x.org/alice");
  g_assert_cmpstr (place->profile, ==, profile);
  if (type == SATCHEL_IPC_RELEASE)
    {
      g_assert_cmpuint (satchel_ipc_get_u32 (message), ==, look != NULL);
      g_assert_cmpstr (satchel_ipc_get_string (message), ==, look != NULL ? look : "");
      satchel_ipc_get_string (message);
    }
  g_assert_true (satchel_ipc_message_is_done (message));
  return place->epoch;
}

/* The grant of a login of alice: its epoch. */
static guint64
expect_grant (guint slot, guint64 session, const char *profile, const char *volume, gboolean is_new)
{
  g_assert_cmpint (stage_log_in (session, "alice", "pw"), ==, SATCHEL_AUTH_OK);
  g_autoptr (SatchelIpcMessage) grant = stage_take_from_mail (slot);
  g_assert_nonnull (grant);
  g_assert_cmpint (grant->type, ==, SATCHEL_IPC_GRANT);
  gsize len;
  satchel_ipc_get_bytes (grant, &len);
  satchel_ipc_get_u32 (grant);
  satchel_ipc_get_string (grant);
  g_assert_cmpstr (satchel_ipc_get_string (grant), ==, "alice@x.org");
  g_autoptr (SatchelPlace) place = satchel_place_get (grant);
  g_assert_cmpstr (place->path, ==, "x.org/alice");
  g_assert_cmpstr (place->profile, ==, profile);
  g_assert_cmpstr (place->volume, ==, volume);
  g_assert_cmpint (place->is_new, ==, is_new);
  return place->epoch;
}

static gboolean
has_file (const char *name)
{
  g_autofree char *path = g_build_filename (stage.directory, name, NULL);
  return g_file_test (path, G_FILE_TEST_EXISTS);
}

static void
test_release_and_adopt (void)
{
  stage_begin (NULL);
  guint slot = satchel_placement_hash_slot ("alice@x.org", STAGE_MAILS);
  g_autofree char *other = g_strdup_printf ("%u", 1 - slot);
  ask_admin ("adopt", "alice", other); /* not before a release */
  g_assert_true (g_str_has_prefix (stage.admin_reply->str, "1 "));
  g_assert_cmpuint (expect_grant (slot, 1, "default", "", FALSE), ==, 0);
  g_assert_false (has_file ("placements")); /* nothing is to be said yet */
  ask_admin ("release", "alice", NULL);
  g_assert_cmpuint (stage.n_admin_final, ==, 0); /* until the mail process has closed the store */
  g_assert_cmpuint (expect_order (slot, SATCHEL_IPC_RELEASE, "default", NULL), ==, 1);
  g_assert_true (has_file ("placements"));
  g_assert_cmpint (stage_log_in (2, "alice", "pw"), ==, SATCHEL_AUTH_UNAVAILABLE);
  ask_admin ("adopt", "alice", other);
  g_assert_true (g_str_has_prefix (stage.admin_reply->str, "75 "));
  g_string_truncate (stage.admin_reply, 0);
  stage.n_admin_final = 0;
  g_assert_true (send_released (slot, "alice@x.org", 0, SATCHEL_LOOK_FREE, ""));     /* of another time */
  g_assert_true (send_released (1 - slot, "alice@x.org", 1, SATCHEL_LOOK_FREE, "")); /* of another process */
  g_assert_cmpuint (stage.n_admin_final, ==, 0);
  g_assert_true (send_released (slot, "alice@x.org", 1, SATCHEL_LOOK_FREE, ""));
  g_assert_cmpuint (stage.n_admin_final, ==, 1);
  g_assert_true (g_str_has_prefix (stage.admin_reply->str, "0 "));
  /* A restart of auth does not hand a user to two processes. */
  stage_restart (NULL);
  g_assert_cmpint (stage_log_in (2, "alice", "pw"), ==, SATCHEL_AUTH_UNAVAILABLE);
  /* The old owner may have missed it: it is told again, and adopt waits for it. */
  g_assert_cmpuint (expect_order (slot, SATCHEL_IPC_RELEASE, "default", NULL), ==, 1);
  ask_admin ("adopt", "alice", other);
  g_assert_cmpuint (stage.n_admin_final, ==, 0);
  g_assert_true (send_released (slot, "alice@x.org", 1, SATCHEL_LOOK_FREE, ""));
  g_assert_cmpuint (stage.n_admin_final, ==, 1);
  g_assert_true (g_str_has_prefix (stage.admin_reply->str, "0 "));
  g_assert_cmpuint (expect_order (1 - slot, SATCHEL_IPC_ADOPT, "default", NULL), ==, 2);
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
  guint slot = satchel_placement_hash_slot ("alice@x.org", STAGE_MAILS);
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
  g_assert_false (stage.hooks->admin (&stage.context, 1, unknown, -1));
  stage_end ();
}

/* Takes all that was sent to the mail processes; the users of RELEASE among it. */
static GHashTable *
take_releases (void)
{
  GHashTable *users = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (guint slot = 0; slot < STAGE_MAILS; slot++)
    for (;;)
      {
        g_autoptr (SatchelIpcMessage) message = stage_take_from_mail (slot);
        if (message == NULL)
          break;
        g_assert_cmpint (message->type, ==, SATCHEL_IPC_RELEASE);
        const char *user = satchel_ipc_get_string (message);
        g_assert_cmpuint (satchel_placement_hash_slot (user, STAGE_MAILS), ==, slot);
        g_hash_table_add (users, g_strdup (user));
      }
  return users;
}

/* So many users can be on their way at once; one more stays where he is, until there is room. */
static void
test_moves_bound (void)
{
  stage_begin (NULL);
  for (guint i = 0; i < 1024; i++)
    {
      g_autofree char *user = g_strdup_printf ("m%u@x.org", i);
      stage_set_user (user, "pw", FALSE);
      ask_admin ("release", user, NULL);
      g_assert_cmpuint (stage.n_admin_final, ==, 0);
    }
  g_autoptr (GHashTable) asked = take_releases ();
  g_assert_cmpuint (g_hash_table_size (asked), ==, 1024);
  ask_admin ("release", "alice", NULL);
  g_assert_cmpuint (stage.n_admin_final, ==, 1);
  g_assert_nonnull (strstr (stage.admin_reply->str, "too many users are being moved; try again later"));
  g_assert_cmpint (stage_log_in (1, "alice", "pw"), ==, SATCHEL_AUTH_OK);
  guint slot = satchel_placement_hash_slot ("alice@x.org", STAGE_MAILS);
  satchel_ipc_message_free (stage_take_from_mail (slot)); /* the grant */
  g_assert_true (send_released (satchel_placement_hash_slot ("m7@x.org", STAGE_MAILS), "m7@x.org", 1,
                                SATCHEL_LOOK_FREE, ""));
  ask_admin ("release", "alice", NULL);
  g_assert_cmpuint (stage.n_admin_final, ==, 0);
  g_assert_cmpuint (expect_order (slot, SATCHEL_IPC_RELEASE, "default", NULL), ==, 1);
  /* Mail processes that end are asked again once they are back. */
  for (guint i = 0; i < STAGE_MAILS; i++)
    stage_mail_away (i);
  g_assert_cmpuint (stage.n_admin_final, ==, 1024);
  for (guint i = 0; i < STAGE_MAILS; i++)
    stage_mail_back (i);
  g_autoptr (GHashTable) again = take_releases ();
  g_assert_cmpuint (g_hash_table_size (again), >=, 1024);
  g_assert_true (g_hash_table_contains (again, "alice@x.org"));
  stage_end ();
}

/* ---- place ---- */

static const char *const profiles[] = { "storage.driver=\"one\"",
                                        "storage.profiles=( { name = \"p\"; driver = \"two\"; }, { name = "
                                        "\"q\"; driver = \"two\"; slot_by = \"volume\"; } )",
                                        NULL };
static const char *const rules[] = { "storage.driver=\"one\"",
                                     "storage.profiles=( { name = \"p\"; driver = \"two\"; }, { name = "
                                     "\"q\"; driver = \"two\"; slot_by = \"volume\"; } )",
                                     "storage.rules=( { name = \"a\"; users = ( \"bob@*\" ); }, { name = "
                                     "\"b\"; domains = ( \"X.org\" ); profile = \"p\"; volume = \"v\"; } )",
                                     NULL };

static void
ask_place (const char *key, const char *value)
{
  const char *const argv[] = { "place", "alice", key, value, NULL };
  g_string_truncate (stage.admin_reply, 0);
  stage.n_admin_final = 0;
  g_assert_true (stage.hooks->admin (&stage.context, 1, argv, -1));
}
#define EXPECT_REPLY(text)                                                                                   \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    g_assert_cmpuint (stage.n_admin_final, ==, 1);                                                           \
    if (strstr (stage.admin_reply->str, text) == NULL)                                                       \
      g_error ("no \"%s\" in: %s", text, stage.admin_reply->str);                                            \
  }                                                                                                          \
  G_STMT_END

static void
test_place_slot (void)
{
  stage_begin (profiles);
  guint slot = satchel_placement_hash_slot ("alice@x.org", STAGE_MAILS);
  g_autofree char *other = g_strdup_printf ("%u", 1 - slot), *same = g_strdup_printf ("%u", slot);
  ask_place (NULL, NULL);
  EXPECT_REPLY ("recorded=no");
  ask_place ("slot", same); /* nothing to do */
  EXPECT_REPLY ("recorded=no");
  ask_place ("slot", "9");
  EXPECT_REPLY ("mail processes have the numbers 0 to 1");
  ask_place ("slot", other);
  g_assert_cmpuint (stage.n_admin_final, ==, 0);
  g_assert_cmpuint (expect_order (slot, SATCHEL_IPC_RELEASE, "default", NULL), ==, 1);
  g_assert_cmpint (stage_log_in (1, "alice", "pw"), ==, SATCHEL_AUTH_UNAVAILABLE);
  g_assert_true (send_released (slot, "alice@x.org", 1, SATCHEL_LOOK_FREE, ""));
  EXPECT_REPLY ("pinned=yes epoch=2 state=active");
  g_assert_cmpuint (expect_order (1 - slot, SATCHEL_IPC_ADOPT, "default", NULL), ==, 2);
  stage_restart (profiles);
  g_assert_cmpuint (expect_grant (1 - slot, 2, "default", "", FALSE), ==, 2);
  /* The owner is away: it hears of it when it is back, since it may be alive. */
  stage_mail_away (1 - slot);
  ask_place ("slot", same);
  EXPECT_REPLY ("pinned=no epoch=4 state=active");
  g_assert_cmpuint (expect_order (slot, SATCHEL_IPC_ADOPT, "default", NULL), ==, 4);
  stage_mail_back (1 - slot);
  g_assert_cmpuint (expect_order (1 - slot, SATCHEL_IPC_RELEASE, "default", NULL), ==, 3);
  g_assert_cmpuint (expect_grant (slot, 3, "default", "", FALSE), ==, 4);
  stage_end ();
}

static void
test_place_stack (void)
{
  stage_begin (profiles);
  guint slot = satchel_placement_hash_slot ("alice@x.org", STAGE_MAILS);
  ask_place ("profile", "nope");
  EXPECT_REPLY ("there is no profile");
  g_autofree char *long_name = g_strnfill (65, 'v');
  ask_place ("volume", long_name); /* a record has bounds */
  EXPECT_REPLY ("there is no volume");
  ask_place ("nonsense", "1");
  EXPECT_REPLY ("there is no nonsense");
  /* With mail: back where he was. */
  ask_place ("profile", "p");
  g_assert_cmpuint (expect_order (slot, SATCHEL_IPC_RELEASE, "default", "p"), ==, 1);
  g_assert_true (send_released (slot, "alice@x.org", 1, SATCHEL_LOOK_HAS_MAIL, "3 messages in INBOX"));
  EXPECT_REPLY ("1 alice@x.org has mail (3 messages in INBOX)");
  g_assert_cmpuint (expect_order (slot, SATCHEL_IPC_ADOPT, "default", NULL), ==, 2);
  g_assert_cmpuint (expect_grant (slot, 1, "default", "", FALSE), ==, 2);
  /* Not known: neither. */
  ask_place ("profile", "p");
  g_assert_cmpuint (expect_order (slot, SATCHEL_IPC_RELEASE, "default", "p"), ==, 3);
  stage_mail_away (slot);
  EXPECT_REPLY ("the mail process ended meanwhile");
  stage_mail_back (slot);
  g_assert_cmpuint (expect_order (slot, SATCHEL_IPC_RELEASE, "default", NULL), ==, 3);
  g_assert_cmpuint (expect_grant (slot, 2, "default", "", FALSE), ==, 4);
  /* Without. */
  ask_place ("profile", "p");
  g_assert_cmpuint (expect_order (slot, SATCHEL_IPC_RELEASE, "default", "p"), ==, 5);
  g_assert_true (send_released (slot, "alice@x.org", 5, SATCHEL_LOOK_FREE, ""));
  EXPECT_REPLY ("profile=p driver=two ");
  g_assert_cmpuint (expect_order (slot, SATCHEL_IPC_ADOPT, "p", NULL), ==, 6);
  /* Who dies while he moves him leaves him where he was, to be had by nobody with an older epoch. */
  ask_place ("profile", "default");
  g_assert_cmpuint (expect_order (slot, SATCHEL_IPC_RELEASE, "p", "default"), ==, 7);
  g_autofree char *path = g_build_filename (stage.directory, "placements", NULL), *as_killed = NULL;
  g_assert_true (g_file_get_contents (path, &as_killed, NULL, NULL));
  stage_restart (profiles); /* one that is stopped takes it back itself */
  g_assert_true (g_file_set_contents (path, as_killed, -1, NULL));
  stage_restart (profiles);
  g_assert_cmpuint (stage_count_lines ("is not moved"), ==, 1);
  g_assert_cmpuint (expect_grant (slot, 4, "p", "", FALSE), ==, 8);
  /* A profile that went, or changed its driver, is told of, and nobody gets an empty mailbox. */
  static const char *const gone[] = { "storage.driver=\"one\"", NULL };
  static const char *const changed[] = { "storage.driver=\"one\"",
                                         "storage.profiles=( { name = \"p\"; driver = \"three\"; } )", NULL };
  stage_restart (gone);
  g_assert_cmpuint (stage_count_lines ("which storage.profiles does not have"), ==, 1);
  g_assert_cmpint (stage_log_in (5, "alice", "pw"), ==, SATCHEL_AUTH_UNAVAILABLE);
  stage_restart (changed);
  g_assert_cmpuint (stage_count_lines ("has the driver three now"), ==, 1);
  g_assert_cmpint (stage_log_in (6, "alice", "pw"), ==, SATCHEL_AUTH_UNAVAILABLE);
  stage_end ();
}

static gboolean
send_placed (guint slot, guint64 epoch, gboolean has_mail)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_PLACED, 0);
  satchel_ipc_put_string (message, "alice@x.org");
  satchel_ipc_put_u64 (message, epoch);
  satchel_ipc_put_u32 (message, has_mail);
  return stage_deliver (&stage.mails[slot], message);
}

static void
test_place_by_rule (void)
{
  stage_begin (rules);
  guint slot = satchel_placement_hash_slot ("alice@x.org", STAGE_MAILS);
  g_assert_cmpuint (expect_grant (slot, 1, "p", "v", TRUE), ==, 1);
  g_assert_true (has_file ("placements"));
  g_assert_true (send_placed (1 - slot, 1, TRUE)); /* none of its business */
  g_assert_true (send_placed (slot, 2, TRUE));
  g_assert_cmpuint (expect_grant (slot, 2, "p", "v", TRUE), ==, 1);
  g_assert_true (send_placed (slot, 1, FALSE));
  g_assert_cmpuint (expect_grant (slot, 3, "p", "v", FALSE), ==, 1);
  g_assert_true (send_placed (slot, 1, TRUE)); /* too late */
  g_assert_cmpuint (expect_grant (slot, 4, "p", "v", FALSE), ==, 1);
  /* The rule is for new users: without it he stays where he is. */
  stage_restart (profiles);
  g_assert_cmpuint (expect_grant (slot, 5, "p", "v", FALSE), ==, 1);
  stage_end ();
  /* Who had mail before the rule. */
  stage_begin (rules);
  g_assert_cmpuint (expect_grant (slot, 1, "p", "v", TRUE), ==, 1);
  g_assert_true (send_placed (slot, 1, TRUE));
  stage_restart (rules);
  g_assert_cmpuint (expect_grant (slot, 2, "default", "", FALSE), ==, 1);
  ask_place ("new", NULL);
  g_assert_cmpuint (expect_order (slot, SATCHEL_IPC_RELEASE, "default", "p"), ==, 2);
  g_assert_true (send_released (slot, "alice@x.org", 2, SATCHEL_LOOK_FREE, ""));
  EXPECT_REPLY ("profile=p driver=two volume=v ");
  /* All of a volume are in one process, whatever an admin wants. */
  satchel_ipc_message_free (stage_take_from_mail (slot));
  ask_place ("profile", "q");
  satchel_ipc_message_free (stage_take_from_mail (slot));
  g_assert_true (send_released (slot, "alice@x.org", 4, SATCHEL_LOOK_FREE, ""));
  EXPECT_REPLY ("profile=q driver=two ");
  guint together = satchel_placement_hash_slot ("two/", STAGE_MAILS);
  g_autofree char *other = g_strdup_printf ("%u", 1 - together);
  satchel_ipc_message_free (stage_take_from_mail (together));
  ask_place ("slot", other);
  EXPECT_REPLY ("keeps all users of a volume in one");
  g_assert_cmpuint (expect_grant (together, 7, "q", "", FALSE), ==, 5);
  stage_end ();
}

/* Only where a rule leads out of the default place there may be mail in another one. */
static void
test_place_by_rule_at_home (void)
{
  static const struct
  {
    const char *rule, *profile, *volume;
    gboolean is_new;
  } cases[] = { { "", "default", "", FALSE },
                { "profile = \"default\";", "default", "", FALSE },
                { "volume = \"v\";", "default", "v", TRUE },
                { "profile = \"p\";", "p", "", TRUE } };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *rule =
          g_strdup_printf ("storage.rules=( { name = \"a\"; domains = ( \"x.org\" ); %s } )", cases[i].rule);
      const char *const settings[] = { profiles[0], profiles[1], rule, NULL };
      stage_begin (settings);
      guint slot = satchel_placement_hash_slot ("alice@x.org", STAGE_MAILS);
      g_assert_cmpuint (expect_grant (slot, 1, cases[i].profile, cases[i].volume, cases[i].is_new), ==, 1);
      stage_end ();
    }
}

/* What cannot be written down is told to nobody. */
static void
test_place_not_durable (void)
{
  stage_begin (rules);
  guint slot = satchel_placement_hash_slot ("alice@x.org", STAGE_MAILS);
  g_autofree char *in_the_way = g_build_filename (stage.directory, "placements.new", NULL);
  g_assert_cmpint (g_mkdir (in_the_way, 0700), ==, 0);
  g_assert_cmpint (stage_log_in (1, "alice", "pw"), ==, SATCHEL_AUTH_UNAVAILABLE);
  g_assert_null (stage_take_from_mail (slot));
  ask_admin ("release", "alice", NULL);
  EXPECT_REPLY ("1 alice@x.org is not released");
  g_assert_cmpint (g_rmdir (in_the_way), ==, 0);
  g_assert_cmpuint (expect_grant (slot, 2, "p", "v", TRUE), ==, 1);
  stage_end ();
}

/* A server that knew nothing of stacks left its exceptions. */
static void
test_old_owners (void)
{
  stage_begin (NULL);
  guint slot = satchel_placement_hash_slot ("alice@x.org", STAGE_MAILS);
  g_autofree char *path = g_build_filename (stage.directory, "owners", NULL);
  g_autofree char *text = g_strdup_printf ("# USER SLOT\nalice@x.org %u\nbob@x.org -\nnonsense\n", 1 - slot);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  stage_restart (NULL);
  g_assert_false (has_file ("owners"));
  stage_restart (NULL);
  for (guint i = 0; i < STAGE_MAILS; i++) /* bob's RELEASE */
    for (SatchelIpcMessage *message; (message = stage_take_from_mail (i)) != NULL;
         satchel_ipc_message_free (message))
      g_assert_cmpint (message->type, ==, SATCHEL_IPC_RELEASE);
  g_assert_cmpuint (expect_grant (1 - slot, 1, "default", "", FALSE), ==, 1);
  g_assert_cmpint (stage_log_in (2, "bob", "pw"), ==, SATCHEL_AUTH_UNAVAILABLE);
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
  g_string_append (text, status == SATCHEL_DELIVERY_OK          ? "ok"
                         : status == SATCHEL_DELIVERY_UNKNOWN   ? "unknown"
                         : status == SATCHEL_DELIVERY_TEMPORARY ? "temporary"
                                                                : "?");
  satchel_ipc_get_string (reply);
  for (guint n = satchel_ipc_get_u32 (reply); n > 0; n--)
    {
      const char *user = satchel_ipc_get_string (reply);
      guint slot = satchel_ipc_get_u32 (reply);
      g_autofree char *path = satchel_auth_user_path (user);
      g_autoptr (SatchelPlace) place = satchel_place_get (reply);
      g_assert_cmpuint (slot, ==, satchel_placement_hash_slot (user, STAGE_MAILS));
      g_assert_cmpstr (place->path, ==, path);
      g_string_append_printf (text, " %s", user);
    }
  g_assert_true (satchel_ipc_message_is_done (reply));
  return g_string_free (text, FALSE);
}
#define EXPECT_LOOKUP(plain, full, expected)                                                                 \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    g_autofree char *found = look_up (plain, full);                                                          \
    g_assert_cmpstr (found, ==, expected);                                                                   \
  }                                                                                                          \
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
  g_assert_cmpuint (stage_count_lines ("leads to \"gone@x.org\", which is not a user here"), ==, 1);
  alias ("half@x.org", "gone@x.org alice@x.org ../x");
  EXPECT_LOOKUP ("half@x.org", NULL, "ok alice@x.org");
  alias ("self@x.org", "self@x.org"); /* no such user */
  EXPECT_LOOKUP ("self@x.org", NULL, "unknown");
  alias ("stranger@elsewhere.org", "alice@x.org"); /* of a domain that is not ours */
  EXPECT_LOOKUP ("stranger@elsewhere.org", NULL, "unknown");
  alias ("far@x.org", "friend@elsewhere.org");
  EXPECT_LOOKUP ("far@x.org", NULL, "temporary");
  g_assert_cmpuint (stage_count_lines ("leads to \"friend@elsewhere.org\", which is not a user here"), ==, 1);
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
  /* That nobody has the name there is no mistake of the administrator: it is unknown, like anybody's. */
  alias ("nobody@old.org", "nobody@x.org");
  EXPECT_LOOKUP ("nobody@old.org", NULL, "unknown");
  alias ("nobod@old.org", "nobody@x.org");
  EXPECT_LOOKUP ("nobod@old.org", NULL, "temporary");
  alias ("nobodyx@old.org", "nobody@x.org");
  EXPECT_LOOKUP ("nobodyx@old.org", NULL, "temporary");
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
      g_autofree char *from = g_strdup_printf ("deep%u@x.org", i),
                      *to = g_strdup_printf ("deep%u@x.org", i + 1);
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
  satchel_ipc_message_free (stage_take_from_mail (satchel_placement_hash_slot ("alice@x.org", STAGE_MAILS)));
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
  g_test_add_func ("/auth/owner/moves-bound", test_moves_bound);
  g_test_add_func ("/auth/owner/place/slot", test_place_slot);
  g_test_add_func ("/auth/owner/place/stack", test_place_stack);
  g_test_add_func ("/auth/owner/place/by-rule", test_place_by_rule);
  g_test_add_func ("/auth/owner/place/by-rule-at-home", test_place_by_rule_at_home);
  g_test_add_func ("/auth/owner/place/not-durable", test_place_not_durable);
  g_test_add_func ("/auth/owner/old-owners", test_old_owners);
  g_test_add_func ("/auth/owner/lookup", test_lookup);
  g_test_add_func ("/auth/owner/lookup-bounds", test_lookup_bounds);
  g_test_add_func ("/auth/owner/extra-domain", test_extra_domain);
  return g_test_run ();
}
